import stat

import pytest
from cryptography.fernet import Fernet

from jobs.errors import NotFound
from jobs.models import Event, Job, Secret
from jobs.services.accounts import node_secrets, secrets
from jobs.services.accounts.secrets import BadSecret, NoKey
from tests.factories import make_document, make_job

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]
VALUE = "correct horse battery"


def job_with_secret(**fields: object) -> Job:
    document = make_document(env={"OPENAI_API_KEY": {"secret": "MODEL_KEY"}, "MODE": "fast"})
    return make_job(spec=document, repo_key="/srv/app", **fields)


def test_a_value_is_encrypted_at_rest_and_comes_back_for_the_job_alone() -> None:
    secret = secrets.put("MODEL_KEY", VALUE, by="root")
    assert VALUE not in secret.ciphertext
    secrets.grant("MODEL_KEY", tool="shell", by="root")
    assert node_secrets.granted(job_with_secret()) == {"MODEL_KEY": VALUE}
    assert VALUE not in str(list(Event.objects.values_list("payload_json", flat=True)))


@pytest.mark.parametrize(
    ("tool", "repository", "given"),
    [
        ("shell", "", True),
        ("", "/srv", True),
        ("", "/srv/app", True),
        ("shell", "/srv/app", True),
        ("codex", "", False),
        ("", "/srv/ap", False),
        ("", "/srv/app/inner", False),
        ("codex", "/srv/app", False),
        ("shell", "/elsewhere", False),
    ],
)
def test_a_grant_names_a_tool_a_repository_or_both(tool: str, repository: str, given: bool) -> None:
    secrets.put("MODEL_KEY", VALUE, by="root")
    secrets.grant("MODEL_KEY", tool=tool, repository=repository, by="root")
    assert bool(node_secrets.granted(job_with_secret())) == given


def test_a_job_gets_only_what_its_document_names() -> None:
    for name in ("MODEL_KEY", "OTHER_KEY"):
        secrets.put(name, VALUE, by="root")
        secrets.grant(name, tool="shell", by="root")
    assert set(node_secrets.granted(job_with_secret())) == {"MODEL_KEY"}
    assert node_secrets.granted(make_job()) == {}


@pytest.mark.parametrize(
    ("name", "value"), [("1ST", VALUE), ("A B", VALUE), ("A", "short"), ("A", "nul\0 inside it"), ("A", "x" * 70_000)]
)
def test_what_cannot_be_named_or_masked_is_refused(name: str, value: str) -> None:
    with pytest.raises(BadSecret):
        secrets.put(name, value, by="root")


def test_a_grant_takes_an_object_and_a_secret() -> None:
    with pytest.raises(NotFound):
        secrets.grant("NONE", tool="shell", by="root")
    secrets.put("A_KEY", VALUE, by="root")
    with pytest.raises(BadSecret):
        secrets.grant("A_KEY", by="root")


def test_the_key_file_is_its_owners_alone_and_a_rotation_leaves_one_new_key() -> None:
    secret = secrets.put("MODEL_KEY", VALUE, by="root")
    path = secrets._key_file()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    old, sealed = path.read_text(), secret.ciphertext
    assert secrets.rotate(by="root") == 1
    assert path.read_text() != old
    assert len(path.read_text().split()) == 1
    secret.refresh_from_db()
    assert secret.ciphertext != sealed
    assert secrets.reveal(secret) == VALUE


def test_with_keys_from_the_environment_a_new_first_key_takes_over(settings) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    settings.ENGINE_SECRETS_KEY = [old]
    secrets.put("MODEL_KEY", VALUE, by="root")
    settings.ENGINE_SECRETS_KEY = [new, old]
    secrets.rotate(by="root")
    settings.ENGINE_SECRETS_KEY = [new]
    assert secrets.reveal(Secret.objects.get()) == VALUE
    settings.ENGINE_SECRETS_KEY = [old]
    with pytest.raises(NoKey, match="another key"):
        secrets.reveal(Secret.objects.get())
    settings.ENGINE_SECRETS_KEY = ["rubbish"]
    with pytest.raises(NoKey, match="no Fernet key"):
        secrets.put("B_KEY", VALUE, by="root")
