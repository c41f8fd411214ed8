"""Whether and how this node confines its tools: the administrator's settings and what the kernel can do."""

from django.conf import settings

from adapters.confinement import Profile
from adapters.errors import CannotConfine
from adapters.interface import Adapter
from adapters.process.keeper import landlock


def profile_for(adapter: Adapter) -> Profile | None:
    """What the tool gets beyond the default; None where it runs with the worker's rights.

    Raises CannotConfine where ENGINE_CONFINE is `require` and the kernel cannot.
    """
    if settings.ENGINE_CONFINE == "off":
        return None
    if not landlock.version():
        if settings.ENGINE_CONFINE == "require":
            raise CannotConfine(
                "this host's kernel cannot confine tools (Landlock, Linux 5.13 or newer), and ENGINE_CONFINE is require; "
                "run the job on another host, or let the administrator set ENGINE_CONFINE=auto"
            )
        return None
    needs: Profile = getattr(adapter, "needs", Profile())
    return needs + Profile(
        tuple(settings.ENGINE_CONFINE_READ), tuple(settings.ENGINE_CONFINE_WRITE), (str(settings.ENGINE_DATA_DIR),)
    )


def state() -> tuple[bool, str]:
    """Whether tools are confined on this host, and the sentence that says so."""
    if settings.ENGINE_CONFINE == "off":
        return False, "Tools are not confined: ENGINE_CONFINE is off. A job can read Engine's keys and every project."
    version = landlock.version()
    if version:
        return True, f"Tools are confined by the kernel (Landlock {version})."
    what = (
        "jobs are refused" if settings.ENGINE_CONFINE == "require" else "a job can read Engine's keys and every project"
    )
    return False, f"Tools cannot be confined: this kernel has no Landlock; {what}."
