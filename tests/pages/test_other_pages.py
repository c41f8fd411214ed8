"""The pages beside jobs: each for each role, each form, each refusal."""

import json
import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone

from jobs.models import ApiToken, Dependency, ErrorGroup, Job, Node, QueueControl, ToolControl, Workstream
from jobs.services.core import events
from jobs.states import AttemptStatus, JobStatus
from tests.factories import make_attempt, make_document, make_job, make_run, make_user, make_workstream

pytestmark = pytest.mark.django_db

EVERYWHERE = [
    "/",
    "/jobs",
    "/jobs/new/json",
    "/jobs/new",
    "/runs",
    "/runs/run-1",
    "/runs/run-1/graph",
    "/runs/run-1/timeline",
    "/runs/run-1/report",
    "/runs/run-1/ws/ws-1",
    "/errors",
    "/errors/sig1",
    "/tools",
    "/tools/shell",
    "/workers",
    "/queues/default",
    "/events",
    "/settings/profile",
    "/settings/tokens",
    "/settings/templates",
    "/settings/policies",
    "/settings/retention",
    "/settings/about",
    "/search",
    "/search?q=hello",
    "/help/keys",
    "/-/palette",
    "/-/palette?q=run",
    "/-/palette?q=%3Esubmit",
    "/-/palette?q=%23job",
    "/events.ndjson",
]


@pytest.fixture
def some_rows() -> Job:
    kind = ErrorGroup.objects.create(signature="sig1", tool="shell", category="exit_code", message="Boom", count=2)
    make_run("run-1", status="running", started_at=timezone.now())
    job = make_job(JobStatus.FAILED)
    make_attempt(job, AttemptStatus.FAILED, error=kind, reason="exit_code")
    make_attempt(make_job(JobStatus.RUNNING), AttemptStatus.RUNNING, node="w-1")
    Node.objects.create(name="w-1", host="h", pid=1, pid_started=1, slots=2, queues=["default"])
    events.record("job.failed", job=job, new="failed")
    return job


@pytest.mark.parametrize("path", EVERYWHERE)
def test_pages_open_on_an_empty_and_on_a_filled_database(admin, path):
    if not re.search(r"/(run-1|sig1|ws-1)", path):
        assert admin.get(path).status_code == 200
    kind = ErrorGroup.objects.create(signature="sig1", tool="shell", category="exit_code", message="Boom", count=2)
    job = make_job(JobStatus.FAILED)
    make_attempt(job, AttemptStatus.FAILED, error=kind)
    make_attempt(make_job(JobStatus.RUNNING), AttemptStatus.RUNNING)
    assert admin.get(path).status_code == 200


@pytest.mark.parametrize("path", EVERYWHERE)
def test_pages_are_closed_to_strangers(client, path):
    answer = client.get(path)
    assert answer.status_code in (302, 401)


@pytest.mark.parametrize("path", [p for p in EVERYWHERE if "/new" not in p])
def test_a_viewer_reads_but_finds_no_switch(client, some_rows, path):
    viewer = make_user("vera")
    viewer.groups.add(Group.objects.get(name="viewer"))
    client.force_login(viewer)
    answer = client.get(path)
    assert answer.status_code == 200
    if not answer.streaming:
        page = answer.content.decode()
        for switch in ('name="action" value="resolve"', "/tools/shell/pause", "/queues/default/pause", "/w-1/drain"):
            assert switch not in page


@pytest.mark.parametrize(
    "path",
    [
        "/tools/shell/pause",
        "/queues/default/pause",
        "/workers/w-1/drain",
        "/errors/sig1/resolve",
        "/runs/run-1/ws/ws-1/lock",
    ],
)
def test_a_viewer_may_not_operate(client, some_rows, path):
    viewer = make_user("vera")
    viewer.groups.add(Group.objects.get(name="viewer"))
    client.force_login(viewer)
    answer = client.post(path)
    assert answer.status_code == 403
    assert "may not operate Engine" in answer.content.decode()


@pytest.mark.parametrize(
    "path",
    [
        "/runs/x",
        "/runs/x/graph",
        "/runs/run-1/ws/x",
        "/errors/x",
        "/tools/x",
        "/queues/x",
        "/settings/x",
        "/nowhere",
        "/-/overview/x",
    ],
)
def test_what_is_not_there_is_a_404_in_the_house_style(admin, some_rows, path):
    answer = admin.get(path)
    assert answer.status_code == 404
    assert "<h1>" in answer.content.decode()


POLLS = [
    "/-/overview/strip",
    "/-/overview/running",
    "/-/overview/queue",
    "/-/overview/trouble",
    "/-/overview/people",
    "/-/overview/workers",
    "/-/runs/run-1/radar",
    "/-/runs/run-1/timeline",
    "/-/errors/rows",
    "/-/tools",
    "/-/workers",
    "/-/events/fresh?newest=1",
]


@pytest.mark.parametrize("path", POLLS)
def test_polls_answer_304_while_nothing_changed(admin, some_rows, path):
    first = admin.get(path)
    assert first.status_code == 200
    assert first.headers["Cache-Control"] == "no-store"
    again = admin.get(path, headers={"HX-PTag": first.headers["HX-PTag"]})
    if again.status_code == 200:  # a bar had just grown by a step
        again = admin.get(path, headers={"HX-PTag": again.headers["HX-PTag"]})
    assert again.status_code == 304


@pytest.mark.parametrize(
    ("path", "most"),
    [
        ("/", 12),
        ("/runs", 7),
        ("/runs/run-1", 8),
        ("/errors", 8),
        ("/tools", 9),
        ("/workers", 8),
        ("/events", 5),
        ("/search?q=hello", 8),
        ("/settings/about", 4),
        ("/runs/run-1/ws/ws-1", 8),
    ],
)
def test_pages_take_few_queries(admin, some_rows, django_assert_max_num_queries, path, most):
    with django_assert_max_num_queries(most):
        admin.get(path)
    for number in range(4):
        job = make_job(JobStatus.FAILED, workstream=make_workstream(f"ws-{number + 2}"))
        make_attempt(job, AttemptStatus.FAILED, error=ErrorGroup.objects.get())
    with django_assert_max_num_queries(most):
        admin.get(path)


def test_operators_pause_limit_and_resume_tools_and_queues(admin):
    admin.post("/tools/aider/pause", {"reason": "quota"})
    admin.post("/tools/aider/limit", {"limit": "3"})
    control = ToolControl.objects.get(name="aider")
    assert (control.paused, control.paused_reason, control.limit) == (True, "quota", 3)
    assert "Paused" in admin.get("/tools/aider").content.decode()
    admin.post("/tools/aider/resume")
    admin.post("/queues/bulk/pause", {"reason": "night"})
    assert QueueControl.objects.get(name="bulk").paused
    admin.post("/queues/bulk/resume")
    admin.post("/queues/bulk/limit", {"limit": ""})
    assert QueueControl.objects.get(name="bulk").limit is None
    assert not ToolControl.objects.get(name="aider").paused


@pytest.mark.parametrize(
    ("path", "data"),
    [("/queues/bulk/limit", {"limit": "-1"}), ("/queues/bulk/explode", {}), ("/tools/aider/explode", {})],
)
def test_a_refused_switch_says_why(admin, path, data):
    plain = admin.post(path, data)
    assert plain.status_code == 303
    answer = admin.post(path, data, headers={"HX-Request": "true"})
    assert answer.status_code == 422
    assert "notice" in answer.content.decode()


def test_workers_drain_resume_and_are_forgotten_once_stopped(admin, some_rows):
    admin.post("/workers/w-1/drain")
    assert Node.objects.get().draining
    admin.post("/workers/w-1/resume")
    assert not Node.objects.get().draining
    admin.post("/workers/w-1/forget")
    assert Node.objects.exists()
    Node.objects.update(stopped_at=timezone.now())
    admin.post("/workers/w-1/forget")
    assert not Node.objects.exists()


def test_a_circuit_is_tried_and_closed_by_hand(admin):
    ToolControl.objects.create(name="gemini", circuit="open", failures=5, retry_at=timezone.now() + timedelta(hours=1))
    assert "Try now" in admin.get("/tools/gemini").content.decode()
    admin.post("/tools/gemini/try")
    assert ToolControl.objects.get().retry_at <= timezone.now()
    admin.post("/tools/gemini/close")
    assert ToolControl.objects.get().circuit == "closed"


def test_errors_are_resolved_muted_and_reopened(admin, some_rows):
    for verb, state in (("resolve", "resolved"), ("reopen", "open"), ("mute", "muted")):
        assert admin.post(f"/errors/sig1/{verb}", {"until": "100"}).status_code == 303
        assert ErrorGroup.objects.get().state == state
    assert ErrorGroup.objects.get().muted_until_count == 102
    assert "sig1" not in admin.get("/errors").content.decode()
    assert "sig1" in admin.get("/errors?is=muted").content.decode()
    admin.post("/errors/bulk", {"id": ["sig1"], "action": "resolve"})
    assert ErrorGroup.objects.get().state == "resolved"


def test_a_workstream_is_locked_and_unlocked(admin, some_rows):
    admin.post("/runs/run-1/ws/ws-1/lock", {"do": "lock", "reason": "frozen"})
    assert "locked: frozen" in admin.get("/runs/run-1/ws/ws-1").content.decode()
    admin.post("/runs/run-1/ws/ws-1/lock", {"do": "unlock"})
    assert not Workstream.objects.get().locked


def test_the_board_puts_each_workstream_in_its_lane(admin):
    make_run("run-1", status="running", started_at=timezone.now())
    lanes = {
        "running": "running",
        "retrying": "retrying",
        "review": "review",
        "quarantined": "review",
        "completed": "completed",
        "failed": "failed",
        "blocked": "blocked",
        "cancelled": "cancelled",
        "queued": "waiting",
    }
    for status in lanes:
        make_job(status, workstream=make_workstream(f"ws-{status}"))
    page = admin.get("/runs/run-1").content.decode()
    for status, lane in lanes.items():
        section = re.search(rf'id="lane-{lane}".*?</section>', page, re.DOTALL)[0]
        assert f">ws-{status}<" in section


def test_the_graph_survives_workstreams_that_need_each_other(admin):
    make_run("run-1")
    one = make_job(JobStatus.COMPLETED, workstream=make_workstream("ws-a"))
    two = make_job(JobStatus.WAITING, workstream=make_workstream("ws-b"))
    three = make_job(JobStatus.WAITING, workstream=make_workstream("ws-a"))
    Dependency.objects.create(job=two, needs=one)
    Dependency.objects.create(job=three, needs=two)
    assert admin.get("/runs/run-1/graph").status_code == 200


def test_events_filter_and_export_as_ndjson(admin, some_rows):
    events.record("tool.paused", by="mara", tool="aider")
    assert "tool.paused" in admin.get("/events?kind=tool&actor=me").content.decode()
    assert "job.failed" not in admin.get("/events?kind=tool").content.decode()
    body = b"".join(admin.get("/events.ndjson?kind=tool").streaming_content).decode()
    assert [json.loads(line)["kind"] for line in body.splitlines()] == ["tool.paused"]


def test_new_events_are_counted_and_come_on_request(admin):
    first = events.record("run.created")
    url = re.search(r'hx-get="(/-/events/fresh[^"]*)"', admin.get("/events").content.decode())[1].replace("&amp;", "&")
    assert f"newest={first.pk}" in url
    events.record("run.created")
    assert "1 new event. Show it" in admin.get(url).content.decode()


def test_a_token_is_shown_once_and_revoked(admin):
    made = admin.post("/settings/tokens/new", {"name": "laptop", "scope": ["read"], "days": "30"})
    secret = re.search(r"eng_[\w-]+", made.content.decode())[0]
    token = ApiToken.objects.get()
    assert made.headers["Cache-Control"] == "no-store"
    assert secret not in admin.get("/settings/tokens").content.decode()
    assert admin.post("/settings/tokens/new", {"name": "laptop", "scope": ["read"]}).status_code == 409
    assert admin.post("/settings/tokens/new", {"name": "", "scope": ["read"]}).status_code == 422
    admin.post(f"/settings/tokens/{token.pk}/revoke")
    token.refresh_from_db()
    assert token.revoked_at is not None


def test_nobody_revokes_the_token_of_another(admin):
    token = ApiToken.objects.create(user=make_user("other"), name="theirs", prefix="eng_x", sha256="0" * 64)
    assert admin.post(f"/settings/tokens/{token.pk}/revoke").status_code == 404


def test_the_theme_and_the_keys_are_kept_in_cookies(admin):
    answer = admin.post("/settings/theme", {"theme": "dark", "next": "https://evil.example/"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert 'data-theme="dark"' in admin.get("/jobs").content.decode()
    admin.post("/settings/keys", {"next": "/settings/profile"})
    assert 'data-keys="off"' in admin.get("/jobs").content.decode()


def test_signing_in_never_says_which_of_the_two_was_wrong(client):
    make_user("mara")
    said = [
        client.post("/login", {"username": name, "password": "wrong"}).content.decode() for name in ("mara", "nobody")
    ]
    sentences = [re.search(r"That name and password do not match\.", page)[0] for page in said]
    assert len(sentences) == 2
    assert client.post("/login", {"username": "mara", "password": "correct horse"}).headers["Location"] == "/"


def test_signing_out_takes_a_post(admin):
    assert admin.get("/logout").status_code == 405
    assert admin.post("/logout").status_code == 302


def test_no_page_carries_inline_style_or_script(admin, some_rows):
    for path in [p for p in EVERYWHERE if "ndjson" not in p] + [f"/jobs/{some_rows.job_id}"]:
        page = admin.get(path).content.decode()
        assert " style=" not in page, path
        assert not re.search(r"<script(?![^>]*\bsrc=)", page), path
        assert not re.search(r"\son\w+=", page), path
        assert "hx-on" not in page, path


def test_a_page_says_its_policy(admin):
    policy = admin.get("/jobs").headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_search_groups_what_it_finds_and_hash_looks_at_ids_only(admin):
    make_job(JobStatus.COMPLETED, spec=make_document(job_id="job-needle-0042"), title="Plain")
    make_job(JobStatus.COMPLETED, title="A needle in hay")
    both = admin.get("/search?q=needle").content.decode()
    assert "A needle in hay" in both
    palette = admin.get("/-/palette?q=%230042").content.decode()
    assert "Plain" in palette
    assert "A needle in hay" not in palette


def test_errors_come_in_pages_of_fifty_that_stay_light(admin):
    for number in range(60):
        kind = ErrorGroup.objects.create(
            signature=f"{number:032}",
            tool="shell",
            category="exit_code",
            message="m" * 150,
            pattern="p" * 150,
            last_seen_at=timezone.now() - timedelta(minutes=number),
        )
        make_attempt(make_job(JobStatus.FAILED), AttemptStatus.FAILED, error=kind, reason="exit_code")
    first = admin.get("/errors").content.decode()
    assert len(first.encode()) < 64_000
    assert first.count("<tr id=") == 50
    assert 'href="?page=2" rel="next"' in first
    second = admin.get("/errors?page=2").content.decode()
    assert second.count("<tr id=") == 10
    assert "51 to 60" in second
    assert "/-/errors/rows?page=2" in second
    assert admin.get("/-/errors/rows?page=2").content.decode().count("<tr id=") == 10
    for odd in ("0", "-1", "x", "9999999", "²"):
        assert admin.get(f"/errors?page={odd}").status_code == 200


@pytest.mark.parametrize("limit", ["-1", "many", "10001", "1.5"])
def test_a_limit_that_is_none_stands_beside_its_field_as_it_was_typed(admin, limit):
    make_job(queue="bulk")
    for place in ("/tools/aider", "/queues/bulk"):
        answer = admin.post(f"{place}/limit", {"limit": limit})
        page = answer.content.decode()
        assert answer.status_code == 422
        assert f'value="{limit}"' in page
        assert 'aria-describedby="id_limit_error"' in page
        assert 'id="id_limit_error"' in page
        assert "A limit is a whole number up to 10,000" in page


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"name": ""}, "name"),
        ({"days": "7000"}, "days"),
        ({"scope": ["read", "rule"]}, "scope"),
        ({"name": "x" * 81}, "name"),
    ],
)
def test_a_token_that_cannot_be_made_says_why_beside_the_field(admin, typed, field):
    answer = admin.post("/settings/tokens/new", {"name": "laptop", "scope": ["read", "submit"], "days": "30"} | typed)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert f'id="id_{field}_error"' in page
    assert f'value="{typed.get("name", "laptop")}"' in page or not typed.get("name", "laptop")
    assert not ApiToken.objects.exists()


def test_a_token_without_a_chosen_life_ends_after_90_days(admin):
    admin.post("/settings/tokens/new", {"name": "laptop", "scope": ["read"]})
    days = (ApiToken.objects.get().expires_at - timezone.now()).total_seconds() / 86_400
    assert 89 < days <= 90
