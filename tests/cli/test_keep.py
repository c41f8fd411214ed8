import pytest

from jobs.models import ApiToken, Event, Secret
from jobs.services.accounts import secrets, tokens
from tests.cli.conftest import Engine
from tests.factories import make_user

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]


def test_a_secret_is_set_from_standard_input_granted_listed_and_rotated(engine: Engine) -> None:
    assert engine("secret", "set", "API_KEY", stdin=b"a long value\n").code == 0
    assert engine("secret", "grant", "API_KEY", "--tool", "shell").code == 0
    said = engine("secret", "list")
    assert "API_KEY" in said.out
    assert "shell" in said.out
    assert "a long value" not in said.out + said.err
    assert engine("secret", "rotate").code == 0
    assert secrets.reveal(Secret.objects.get()) == "a long value"
    assert {event.via for event in Event.objects.filter(event_type__startswith="secret.")} == {"command"}
    assert engine("secret", "remove", "API_KEY").code == 0
    assert engine("secret", "remove", "API_KEY").code == 66
    assert engine("secret", "set", "API_KEY", stdin=b"short").code == 65


def test_a_token_is_made_for_a_user_and_revoked(engine: Engine) -> None:
    make_user("mara")
    said = engine("token", "create", "ci", "--user", "mara", "--scope", "read", "--scope", "submit", "--days", "30")
    login = tokens.log_in(said.out.strip())
    assert login is not None
    assert login.token.scopes == ["read", "submit"]
    assert "ci" in engine("token", "list").out
    assert engine("token", "revoke", "ci", "--user", "mara").code == 0
    assert ApiToken.objects.get().revoked_at
    assert engine("token", "create", "x", "--user", "nobody", "--scope", "read").code == 66
    assert engine("token", "create", "x", "--user", "mara", "--scope", "root").code == 65


def test_what_is_kept_is_managed_on_the_server_alone(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENGINE_URL", "http://localhost")
    assert "own machine" in engine("secret", "list").err


def test_a_server_that_does_not_answer_ends_with_69(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENGINE_URL", "http://127.0.0.1:9")
    said = engine("list")
    assert said.code == 69
    assert said.err.startswith("engine: Cannot reach Engine at")
