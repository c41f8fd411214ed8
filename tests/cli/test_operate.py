"""What operators do and read on the command line: the same by the database and over the API."""

import json
from typing import Any

import pytest

from engine_site.cli import records
from jobs.models import ErrorGroup, Event, Node, QueueControl, ToolControl, Workstream
from jobs.services.submission import job_templates
from jobs.states import JobStatus
from tests.cli.conftest import Engine
from tests.factories import make_document, make_job, make_user, make_workstream

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("place", "data_dir")]


def done(said: Any) -> str:
    assert said.code == 0, said.err
    return str(said.err + said.out)


def test_a_queue_is_paused_with_a_reason_limited_and_resumed(engine: Engine) -> None:
    assert "Queue night is paused." in done(engine("pause", "queue", "night", "--reason", "backup"))
    done(engine("limit", "queue", "night", "3"))
    assert "backup" in done(engine("queues"))
    row = QueueControl.objects.get(name="night")
    assert (row.paused, row.paused_reason, row.limit) == (True, "backup", 3)
    done(engine("resume", "queue", "night"))
    done(engine("limit", "queue", "night", "none"))
    row.refresh_from_db()
    assert (row.paused, row.limit) == (False, None)
    assert Event.objects.filter(event_type="queue.limited", payload_json__before__limit=3).exists()


def test_a_tool_is_paused_limited_tried_and_trusted(engine: Engine) -> None:
    for words in (
        ("pause", "tool", "aider"),
        ("limit", "tool", "aider", "2"),
        ("try", "aider"),
        ("close-circuit", "aider"),
    ):
        done(engine(*words))
    row = ToolControl.objects.get(name="aider")
    assert (row.paused, row.limit, row.circuit) == (True, 2, "closed")
    done(engine("resume", "tool", "aider"))
    assert engine("pause", "tool", "nonesuch").code == 66
    assert engine("limit", "tool", "aider", "many").code == 65
    assert engine("pause", "worker", "n").code == 2


def test_a_worker_is_drained_resumed_and_forgotten(engine: Engine) -> None:
    node = Node.objects.create(name="n1", host="h", pid=1, pid_started=1)
    done(engine("drain", "n1"))
    assert "draining" in done(engine("workers"))
    done(engine("resume", "worker", "n1"))
    said = engine("forget", "n1")
    assert (said.code, "has not stopped" in said.err) == (1, True)
    Node.objects.filter(pk=node.pk).update(heartbeat_at="2020-01-01T00:00:00Z")
    done(engine("forget", "n1"))
    assert not Node.objects.exists()
    assert engine("drain", "n1").code == 66


def test_a_workstream_is_locked_and_unlocked(engine: Engine) -> None:
    make_workstream("ws-1")
    done(engine("lock", "ws-1", "--reason", "freeze"))
    assert Workstream.objects.get().locked_reason == "freeze"
    done(engine("unlock", "ws-1"))
    assert not Workstream.objects.get().locked
    assert engine("lock", "nonesuch").code == 66


def test_an_error_is_named_by_the_begin_of_its_signature(engine: Engine) -> None:
    for begin in ("ab", "ac"):
        ErrorGroup.objects.create(signature=begin.ljust(32, "0"), tool="shell", category="crashed", message="It broke")
    done(engine("resolve", "ab0"))
    assert ErrorGroup.objects.get(signature__startswith="ab").state == "resolved"
    done(engine("reopen", "ab0"))
    done(engine("mute", "ab0", "--more", "5"))
    assert ErrorGroup.objects.get(signature__startswith="ab").state == "muted"
    assert engine("resolve", "a").code == 65
    assert engine("resolve", "ff").code == 66


def test_a_quarantined_job_is_closed(engine: Engine) -> None:
    job = make_job(JobStatus.QUARANTINED)
    assert f"{job.job_id} is failed" in done(engine("close", job.job_id))


def test_a_run_is_shown_with_its_jobs_by_state(engine: Engine) -> None:
    job = make_job(JobStatus.FAILED)
    make_job(JobStatus.QUEUED)
    said = done(engine("run", job.run_id))
    assert "1 failed" in said
    assert "1 queued" in said
    assert "ws-1" in said
    assert json.loads(engine("run", job.run_id, "--json").out)["jobs"] == {"failed": 1, "queued": 1}
    assert engine("run", "nonesuch").code == 66


def test_events_are_listed_by_kind_and_job(engine: Engine) -> None:
    done(engine("pause", "queue", "night"))
    rows = json.loads(engine("events", "--type", "queue.", "--json").out)
    assert [row["event_type"] for row in rows] == ["queue.paused"]
    assert "night" in done(engine("events", "--type", "queue.paused"))
    assert json.loads(engine("events", "--job", "nonesuch", "--json").out) == []


def test_followed_events_keep_to_the_filters(capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def told() -> Any:
        row = {"timestamp": "now", "actor": "mara", "job_id": "a", "run_id": "r", "workstream_id": "", "payload": {}}
        yield {**row, "event_type": "job.failed"}
        yield {**row, "event_type": "run.created"}

    engine = type("Told", (), {"follow_events": staticmethod(told)})
    monkeypatch.setattr(records, "backend", engine)
    records._follow({"event_type": "job.", "actor": "mara"}, as_json=False)
    assert capsys.readouterr().out == "now  job.failed  mara  a\n"


def test_a_template_is_listed_and_its_document_printed(engine: Engine) -> None:
    owner = make_user("nils")
    document = {key: value for key, value in make_document(paths={}).items() if key not in ("job_id", "run_id")}
    job_templates.save("hello", document, owner=owner, title="Say hello", shared=True, by="nils")
    assert "Say hello" in done(engine("templates"))
    assert json.loads(engine("templates", "hello").out)["tool"] == "shell"
    assert engine("templates", "nonesuch").code == 66
