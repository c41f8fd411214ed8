import pytest

from jobs.models import Event, SavedView
from jobs.services.accounts import saved_views
from tests.factories import make_job, make_user
from tests.pages.markup import squeezed

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.fixture
def vera(client):
    user = make_user("vera", role="viewer")
    client.force_login(user)
    make_job()
    return user


def test_a_view_is_saved_under_a_name_and_leads_back_to_its_filters(client, vera):
    page = client.get("/jobs?tool=git&tool=shell&status=failed&before=7").content.decode()
    assert "/jobs/views/new?status=failed&amp;tool=git&amp;tool=shell" in page
    form = client.get("/jobs/views/new?tool=git&before=7")
    assert 'name="query" value="tool=git"' in form.content.decode()
    answer = client.post("/jobs/views/new", {"name": "Git  work", "query": "tool=git&before=7&evil=1"})
    assert (answer.status_code, answer["Location"]) == (303, "/jobs?tool=git")
    view = SavedView.objects.get()
    assert (view.name, view.query, view.owner, view.shared) == ("Git work", "tool=git", vera, False)
    page = squeezed(client.get("/jobs?tool=git"))
    assert 'href="/jobs?tool=git" aria-current="true"' in page
    assert f"/jobs/views/{view.pk}/delete" in page


def test_the_form_opens_in_a_dialog_and_says_there_what_is_wrong(client, vera):
    assert "<h1" not in client.get("/jobs/views/new?tool=git", headers=HTMX).content.decode()
    wrong = client.post("/jobs/views/new", {"name": " ", "query": "tool=git"}, headers=HTMX)
    assert wrong.status_code == 422
    assert "Give it a name" in wrong.content.decode()
    right = client.post("/jobs/views/new", {"name": "G", "query": "tool=git"}, headers=HTMX)
    assert right.headers["HX-Redirect"] == "/jobs?tool=git"


def test_saving_again_replaces_ones_own_view_only(client, vera):
    other = saved_views.save(make_user("olga"), "Mine", "tool=aider", shared=False, by="olga")
    for query in ("tool=git", "tool=shell"):
        client.post("/jobs/views/new", {"name": "Mine", "query": query, "shared": "1"})
    assert SavedView.objects.get(owner=vera).query == "tool=shell"
    other.refresh_from_db()
    assert other.query == "tool=aider"


def test_others_see_what_is_for_the_team_and_nothing_else(client, vera):
    olga = make_user("olga", role="operator")
    private = saved_views.save(olga, "Only olga", "tool=aider", shared=False, by="olga")
    shared = saved_views.save(olga, "For us", "tool=codex", shared=True, by="olga")
    page = client.get("/jobs").content.decode()
    assert "For us" in page
    assert "Only olga" not in page
    assert client.get(f"/jobs/views/{private.pk}/delete").status_code == 404
    assert client.post(f"/jobs/views/{shared.pk}/delete").status_code == 403
    assert SavedView.objects.count() == 2


def test_a_view_is_deleted_after_a_question_and_an_operator_clears_up_for_all(client, vera):
    view = saved_views.save(vera, "For us", "tool=codex", shared=True, by="vera")
    client.force_login(make_user("olga", role="operator"))
    assert "gone for everybody" in client.get(f"/jobs/views/{view.pk}/delete").content.decode()
    assert SavedView.objects.count() == 1
    assert client.post(f"/jobs/views/{view.pk}/delete").status_code == 303
    assert not SavedView.objects.exists()
    assert list(Event.objects.filter(event_type__startswith="view.").values_list("event_type", "actor")) == [
        ("view.deleted", "olga"),
        ("view.saved", "vera"),
    ]


def test_the_name_of_a_private_view_is_in_no_event(client, vera):
    client.post("/jobs/views/new", {"name": "My own business", "query": ""})
    assert "business" not in str(Event.objects.get(event_type="view.saved").payload_json)
