"""What people do, in a real browser."""

import re
import time

from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.site import Site


def test_filter_search_and_come_back(page: Page) -> None:
    page.goto("/jobs")
    page.get_by_text("Tool", exact=True).first.click()
    page.get_by_role("link", name="git", exact=True).click()
    expect(page.locator("summary", has_text="Tool: git")).to_be_visible()
    page.fill("#q", "Rebase")
    others = page.locator("#rows tr", has_not_text="Rebase")  # another story may have cloned the job that is looked for
    expect(others).to_have_count(0)
    assert "tool=git" in page.url
    assert "q=Rebase" in page.url
    page.locator('#rows a[href="/jobs/job-0413"]').first.click()
    page.wait_for_url("**/jobs/job-0413")
    page.go_back()
    expect(page.locator('#rows a[href="/jobs/job-0413"]').first).to_be_visible()
    expect(others).to_have_count(0)
    expect(page.locator("#q")).to_have_value("Rebase")


def test_a_view_is_saved_found_again_and_deleted(page: Page) -> None:
    page.goto("/jobs?tool=git")
    page.locator("#views > summary").click()
    page.get_by_role("link", name="Save this view…").click()
    dialog = page.locator("#dialog")
    dialog.get_by_label("Name").fill("Git work")
    dialog.get_by_role("button", name="Save view").click()
    expect(page.locator("#notices")).to_contain_text("Git work is in the Views menu")
    page.goto("/jobs")
    page.locator("#views > summary").click()
    page.get_by_role("link", name="Git work", exact=True).click()
    page.wait_for_url("**/jobs?tool=git")
    page.locator("#views > summary").click()
    page.get_by_role("link", name="Delete Git work").click()
    dialog.get_by_role("button", name="Delete").click()
    expect(page.locator("#notices")).to_contain_text("Git work is deleted")


def test_cancel_asks_in_a_dialog_and_changes_the_head_in_place(page: Page) -> None:
    page.goto("/jobs/job-0416")
    page.locator("a.button", has_text="Cancel job").click()
    dialog = page.locator("#dialog")
    expect(dialog).to_be_visible()
    dialog.get_by_role("button", name="Cancel job").click()
    expect(dialog).to_be_hidden()
    expect(page.locator("#head .pill")).to_have_text("Cancelled")
    expect(page.locator("#say")).to_contain_text("is being cancelled")
    expect(page.locator("#summary")).to_contain_text("Cancelled by mara")


def test_keep_as_is_closes_the_dialog_and_changes_nothing(page: Page) -> None:
    page.goto("/jobs/job-0414")
    page.locator("a.button", has_text="Cancel job").click()
    page.locator("#dialog").get_by_text("Keep as is").click()
    expect(page.locator("#dialog")).to_be_hidden()
    expect(page.locator("#head .pill")).to_have_text("Queued")


def test_a_failed_job_is_cloned_edited_checked_and_submitted(page: Page, site: Site) -> None:
    page.goto("/jobs/job-0413")
    expect(page.locator("#summary")).to_contain_text("Merge conflict")
    page.get_by_role("link", name="Clone and edit").first.click()
    page.fill("#title", "Rebase again, with care")
    page.fill("#repo", str(site.data))
    page.fill("#command", "")
    page.fill("#f_arguments", "status --short")
    page.get_by_role("button", name="Check").click()
    expect(page.locator("#dry")).to_contain_text("Valid against the schema")
    page.get_by_role("button", name="Submit job").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Rebase again, with care")
    expect(page.locator("#notices")).to_contain_text("was submitted")


def test_choosing_a_tool_loads_its_fields_and_keeps_what_was_typed(page: Page) -> None:
    page.goto("/jobs/new?tool=aider")
    page.fill("#title", "Keep me")
    page.fill("#f_prompt", "Do it well")
    page.get_by_label("codex").check()
    expect(page.locator("#tool-fields label", has_text="Files")).to_have_count(0)
    expect(page.locator("#f_prompt")).to_have_value("Do it well")
    expect(page.locator("#title")).to_have_value("Keep me")


def test_a_job_becomes_a_template_that_a_new_job_starts_from(page: Page) -> None:
    page.goto("/jobs/job-0413")
    page.get_by_title("More").click()
    page.get_by_role("link", name="Save as template").click()
    page.get_by_label("Title").fill("Rebase as always")
    page.get_by_label("Document").fill(
        '{"tool": "git", "workstream_id": "w", "command": {"exe": "git", "args": ["status"]}}'
    )
    page.get_by_role("button", name="Save template").click()
    page.get_by_role("link", name="Rebase as always", exact=True).click()
    expect(page.locator("header.page-head")).to_contain_text("From the template Rebase as always")
    page.goto("/settings/templates")
    page.get_by_title("Delete Rebase as always").click()
    page.locator("#dialog").get_by_role("button", name="Delete").click()
    expect(page.locator("#notices")).to_contain_text("Rebase as always is deleted")


def test_json_with_mistakes_shows_each_under_its_line_and_loses_nothing(page: Page) -> None:
    page.goto("/jobs/new/json")
    text = '{\n "job_id": "x",\n "run_id": "r",\n "workstream_id": "w",\n "tool": "adier",\n "command": {"exe": "aider"}\n}'
    page.fill("#doc", text)
    page.get_by_role("button", name="Submit").click()
    expect(page.locator("#l5")).to_contain_text("aider")
    expect(page.locator("#doc")).to_have_value(text)
    expect(page.get_by_text("nothing was submitted")).to_be_visible()


def test_bulk_selects_with_keys_and_gives_a_result_per_job(page: Page) -> None:
    page.goto("/jobs?status=completed&tool=shell")
    page.keyboard.press("j")
    page.keyboard.press("x")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Shift+X")
    expect(page.locator("[data-count]")).to_have_text("3")
    page.locator(".bulk-bar").get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Cancel 3 jobs").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("0 jobs cancelled, 3 skipped")


def test_the_palette_finds_and_opens_with_keys_alone(page: Page) -> None:
    page.goto("/jobs")
    page.keyboard.press("/")
    palette = page.locator("#palette")
    expect(palette.get_by_text("Submit a job")).to_be_visible()
    page.keyboard.type("idempotent refunds")
    expect(palette.locator("a.active")).to_contain_text("Idempotent refunds")
    page.keyboard.press("Enter")
    page.wait_for_url("**/runs/run-007")
    page.keyboard.press("g")
    page.keyboard.press("w")
    page.wait_for_url("**/workers")


def test_the_theme_is_kept_and_painted_by_the_server(page: Page) -> None:
    page.goto("/jobs")
    page.get_by_role("button", name="Dark theme").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert 'data-theme="dark"' in page.request.get("/jobs").text()
    page.get_by_role("button", name="System theme").click()
    assert "data-theme=" not in page.request.get("/jobs").text()[:200]


def test_brackets_walk_the_attempts(page: Page) -> None:
    page.goto("/jobs/job-0412/log?attempt=2")
    page.keyboard.press("[")
    page.wait_for_url("**/log?attempt=1")
    page.keyboard.press("]")
    page.wait_for_url("**/log?attempt=2")


def test_lines_of_the_log_are_linked_selected_and_found(page: Page) -> None:
    page.goto("/jobs/job-0418/log?line=5000#L5000-L5003")
    expect(page.locator(".log .selected")).to_have_count(4)
    page.locator("#L5010 > a").click()
    assert page.url.endswith("#L5010")
    page.locator("#L5012 > a").click(modifiers=["Shift"])
    assert page.url.endswith("#L5010-L5012")
    expect(page.locator(".log .selected")).to_have_count(3)
    page.goto("/jobs/job-0418/log?q=test_refund[777]")
    expect(page.get_by_role("heading", name="1 line matches")).to_be_visible()
    page.keyboard.press("n")
    expect(page.locator("#L777")).to_have_class(re.compile("selected"))
    page.keyboard.press("e")
    expect(page.locator("#L19997")).to_have_class(re.compile("selected"))


def test_a_log_read_upwards_keeps_at_most_four_windows(page: Page) -> None:
    page.goto("/jobs/job-0412/log?attempt=1&from=1100")
    for _ in range(3):
        page.locator("#log-top a.button").click()
        page.wait_for_timeout(300)
    expect(page.locator("#L1")).to_be_attached()
    assert page.locator("#log > ol").count() <= 4


def test_a_live_log_follows_resumes_and_ends(page: Page, site: Site) -> None:
    page.goto("/jobs/job-0419/log")
    log = _log_of(site, page, "job-0419")
    with log.open("ab") as file:
        file.write(b"live line one\nlive line two\n")
    asked = time.monotonic()
    expect(page.locator("#log-lines")).to_contain_text("live line two")
    assert time.monotonic() - asked < 5  # a budget for a busy machine; by itself it takes a quarter of a second
    with log.open("ab") as file:
        file.write(b"no end yet")
    expect(page.locator("#log-now")).to_contain_text("no end yet")
    with log.open("ab") as file:
        file.write(b" but now\n" + b"".join(b"burst %d\n" % n for n in range(1000)))
    expect(page.locator("#log-lines")).to_contain_text("burst 999")
    expect(page.locator("#log-lines .log-gap")).to_contain_text("skipped")
    page.locator("#log-lines .log-gap button").first.click()
    expect(page.locator("#log-lines")).to_contain_text("no end yet but now")
    site.rows("end", "job-0419")
    expect(page.locator("#head .pill")).to_have_text("Completed")
    seen = [int(line.get_attribute("id")[1:]) for line in page.locator("#log li[id]").all()]  # type: ignore[index]
    assert seen == sorted(set(seen))


def _log_of(site: Site, page: Page, job_id: str):  # type: ignore[no-untyped-def]
    logs = sorted(site.data.glob("attempts/test/*/output.log"), key=lambda path: path.stat().st_size)
    return next(path for path in logs if len(path.read_bytes().splitlines()) == 90)


def test_a_hidden_tab_is_quiet_and_a_failed_poll_destroys_nothing(context: BrowserContext) -> None:
    page = context.new_page()
    page.goto("/jobs")
    page.route("**/-/jobs/rows*", lambda route: route.fulfill(status=500, body="<h1>broken</h1>"))
    expect(page.locator(".live")).to_have_text("Reconnecting", timeout=10_000)
    assert page.locator("#rows tr").count() > 5
    assert page.get_by_text("broken").count() == 0
    page.unroute("**/-/jobs/rows*")
    page.keyboard.press("p")
    expect(page.locator(".live")).to_have_text("Paused")
    page.close()


def test_every_form_works_without_script(site: Site, browser: Browser, signed_in: object) -> None:
    context = browser.new_context(storage_state=signed_in, java_script_enabled=False, base_url=site.url)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto("/jobs/job-0415")
    page.locator("a.button", has_text="Cancel job").click()
    page.get_by_role("button", name="Cancel job").click()
    assert page.locator("#head .pill").inner_text() == "Cancelled"
    page.goto("/jobs/job-0412/log?attempt=1&from=1")
    page.get_by_role("link", name="Later lines").click()
    assert page.locator("#L401").count() == 1
    page.goto("/errors/91aa0f4ab2")
    page.get_by_role("button", name="Resolve").click()
    assert "Resolved" in page.locator(".pill").inner_text()
    context.close()


def test_a_session_that_ends_keeps_the_page_and_what_was_typed(context: BrowserContext) -> None:
    page = context.new_page()
    page.goto("/jobs/new")
    page.fill("#title", "Typed before the session ended")
    kept = context.cookies()
    context.clear_cookies(name="sessionid")
    page.fill("#scope", "src/**")
    page.press("#scope", "Tab")  # the dry run asks the server
    expect(page.locator("#signed-out")).to_be_visible()
    expect(page.locator("#signed-out a")).to_have_attribute("href", "/login")
    expect(page.locator("#title")).to_have_value("Typed before the session ended")
    context.add_cookies(kept)  # type: ignore[arg-type]
    page.fill("#scope", "lib/**")
    page.press("#scope", "Tab")
    expect(page.locator("#signed-out")).to_be_hidden()
    page.close()


def test_a_verdict_without_a_network_says_so_beside_its_buttons(context: BrowserContext) -> None:
    page = context.new_page()
    page.goto("/jobs/job-0412")
    page.fill("#verdict textarea", "Looks right")
    page.route("**/jobs/job-0412/review", lambda route: route.abort())
    page.click("#verdict button[value=approve]")
    expect(page.locator("#verdict [role=alert]")).to_have_text(re.compile("No answer from Engine"))
    expect(page.locator("#verdict textarea")).to_have_value("Looks right")
    page.close()
