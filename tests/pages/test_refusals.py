"""What people see of what they may not do."""

import pytest
from django.test import Client

from tests.factories import make_job, make_user, make_workstream
from tests.pages.markup import squeezed

PAGES = ["/", "/jobs", "/runs", "/runs/run-1", "/runs/run-1/ws/ws-1"]


@pytest.fixture
def vera(client: Client, db: None) -> Client:
    client.force_login(make_user("vera", role="viewer"))
    return client


@pytest.mark.parametrize("path", PAGES)
def test_who_may_not_submit_is_offered_no_way_to(vera: Client, path: str) -> None:
    make_job(workstream=make_workstream("ws-1", "run-1"))
    answer = vera.get(path)
    assert answer.status_code == 200
    assert "/jobs/new" not in answer.content.decode()


@pytest.mark.parametrize("path", PAGES)
def test_who_may_submit_is_offered_it(client: Client, db: None, path: str) -> None:
    client.force_login(make_user("sam", role="submitter"))
    make_job(workstream=make_workstream("ws-1", "run-1"))
    assert "/jobs/new" in client.get(path).content.decode()


def test_an_empty_list_offers_a_viewer_no_submit_button(vera: Client) -> None:
    assert "/jobs/new" not in vera.get("/jobs").content.decode()


def test_a_refused_page_keeps_the_menu_and_says_who_is_signed_in(vera: Client) -> None:
    answer = vera.get("/jobs/new")
    page = squeezed(answer)
    assert answer.status_code == 403
    assert 'aria-label="Main"' in page
    assert 'You are signed in as<b class="strong">vera</b>, with the role viewer.' in page
    assert 'action="/logout"' in page


def test_who_has_no_role_can_read_their_name_and_sign_out(client: Client, db: None) -> None:
    client.force_login(make_user("nobody"))
    page = squeezed(client.get("/jobs"))
    assert "nobody" in page
    assert "without a role" in page
    assert 'action="/logout"' in page
    assert 'aria-label="Main"' not in page
