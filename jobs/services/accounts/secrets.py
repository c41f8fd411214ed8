"""Secrets: encrypted at rest, set once, given to the jobs they are granted to, never shown again."""

import re
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db.models import Q

from adapters.evidence import MIN_SECRET_LENGTH
from adapters.paths import is_below
from jobs import db, private_file
from jobs.errors import InvalidDocument, NotFound, Refused
from jobs.models import Job, Secret, SecretGrant
from jobs.services.core import events

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9._-]{0,119}")
MAX_LENGTH = 65_536
KEY_FILE = "secrets_key"


class BadSecret(InvalidDocument):
    """A name or a value that cannot be kept, or could not be masked."""

    code = "bad_secret"


class NoKey(Refused):
    """The key of the secrets is missing, malformed, or not the one that they were stored with."""

    code = "no_secrets_key"


def keys() -> list[str]:
    """ENGINE_SECRETS_KEY, else the file beside the data; the first encrypts, all decrypt."""
    given: list[str] = settings.ENGINE_SECRETS_KEY
    if given:
        return given
    path = _key_file()
    if not path.exists():
        private_file.create(path, Fernet.generate_key().decode() + "\n")
    return path.read_text().split()


def _key_file() -> Path:
    return Path(settings.ENGINE_DATA_DIR) / KEY_FILE


def _write_keys(found: list[str]) -> None:
    private_file.replace(_key_file(), "\n".join(found) + "\n")


def _box() -> MultiFernet:
    try:
        return MultiFernet([Fernet(key) for key in keys()])
    except ValueError:
        raise NoKey("ENGINE_SECRETS_KEY holds no Fernet key; make one with: engine secret new-key") from None


def check(name: str, value: str) -> None:
    if not NAME.fullmatch(name):
        raise BadSecret(f"Invalid secret name {name!r}; use letters, digits, _, . and -.")
    if not MIN_SECRET_LENGTH <= len(value) <= MAX_LENGTH:
        raise BadSecret(
            f"A secret has {MIN_SECRET_LENGTH} to {MAX_LENGTH:,} characters: a shorter one could not be masked in logs."
        )
    if "\0" in value:
        raise BadSecret("A secret cannot hold a NUL character.")


def put(name: str, value: str, *, by: str) -> Secret:
    """Store a value under a name, in place of the one before. Raises BadSecret, NoKey."""
    check(name, value)
    sealed = _box().encrypt(value.encode()).decode()
    with db.atomic():
        fields = {"ciphertext": sealed, "set_by": by, "updated_at": db.now()}
        secret, created = Secret.objects.update_or_create(name=name, defaults=fields)
        events.record("secret.created" if created else "secret.replaced", by=by, secret=name)
    return secret


def grant(name: str, *, tool: str = "", repository: str = "", by: str) -> SecretGrant:
    """Let a tool, the jobs of a repository, or that tool in that repository use it."""
    if not tool and not repository:
        raise BadSecret("Grant it to a tool, to a repository, or to a tool in a repository.")
    root = str(Path(repository).resolve()) if repository else ""
    with db.atomic():
        secret = Secret.objects.filter(name=name).first()
        if secret is None:
            raise NotFound(f"Secret {name} not found.")
        row, created = SecretGrant.objects.get_or_create(secret=secret, tool=tool, repository=root)
        if created:
            events.record("secret.granted", by=by, secret=name, tool=tool, repository=root)
    return row


def remove(name: str, *, by: str) -> None:
    with db.atomic():
        if not Secret.objects.filter(name=name).delete()[0]:
            raise NotFound(f"Secret {name} not found.")
        events.record("secret.removed", by=by, secret=name)


def granted(job: Job) -> dict[str, str]:
    """The values that this job names and may use. What is not granted looks to the job like what does not exist."""
    wanted = {
        value["secret"]
        for value in (job.document().get("env") or {}).values()
        if isinstance(value, dict) and "secret" in value
    }
    if not wanted:
        return {}
    rows = Secret.objects.filter(name__in=wanted, grants__in=_grants_for(job)).distinct()
    found = {row.name: reveal(row) for row in rows}
    if found:
        with db.atomic():
            Secret.objects.filter(name__in=found).update(last_used_at=db.now())
            events.record("secret.used", job=job, secrets=sorted(found))
    return found


def _grants_for(job: Job) -> list[SecretGrant]:
    rows = SecretGrant.objects.filter(Q(tool="") | Q(tool=job.tool))
    return [row for row in rows if not row.repository or is_below(job.repo_key, row.repository)]


def reveal(secret: Secret) -> str:
    """For the worker that starts the job; no interface calls it."""
    try:
        return _box().decrypt(secret.ciphertext.encode()).decode()
    except InvalidToken:
        raise NoKey(f"Secret {secret.name} was stored with another key than this host has.") from None


def rotate(*, by: str) -> int:
    """Re-encrypt every secret with the first key; without ENGINE_SECRETS_KEY, make that key first. Returns how many."""
    if not settings.ENGINE_SECRETS_KEY:
        _write_keys([Fernet.generate_key().decode(), *keys()])
    box = _box()
    with db.atomic():
        rows = list(Secret.objects.select_for_update())
        for row in rows:
            try:
                row.ciphertext = box.rotate(row.ciphertext.encode()).decode()
            except InvalidToken:
                raise NoKey(f"Secret {row.name} was stored with a key that is not among the given ones.") from None
            row.save(update_fields=["ciphertext"])
        events.record("secret.rotated", by=by, count=len(rows))
    if not settings.ENGINE_SECRETS_KEY:
        _write_keys(keys()[:1])  # the old key opens nothing any more
    return len(rows)
