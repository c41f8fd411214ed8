"""Every page, in both themes and at two widths: no axe violation, no sideways scroll, no complaint, not too heavy."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from tests.browser.site import Site

PAGES = {
    "overview": "/",
    "jobs": "/jobs",
    "jobs-filtered": "/jobs?tool=git&status=failed",
    "jobs-none": "/jobs?q=zzzz",
    "job-review": "/jobs/job-0412",
    "job-failed": "/jobs/job-0413",
    "job-running": "/jobs/job-0418",
    "job-waiting": "/jobs/job-0420",
    "job-quarantined": "/jobs/job-0422",
    "log": "/jobs/job-0412/log?attempt=2",
    "log-live": "/jobs/job-0419/log",
    "log-search": "/jobs/job-0418/log?q=FAILED",
    "job-events": "/jobs/job-0412/events",
    "job-json": "/jobs/job-0412/json",
    "confirm": "/jobs/job-0414/cancel",
    "submit": "/jobs/new",
    "clone": "/jobs/new?clone=job-0412",
    "submit-json": "/jobs/new/json?example=aider",
    "runs": "/runs",
    "run": "/runs/run-007",
    "graph": "/runs/run-007/graph",
    "timeline": "/runs/run-007/timeline",
    "report": "/runs/run-007/report",
    "workstream": "/runs/run-007/ws/ws-api",
    "errors": "/errors",
    "error": "/errors/7c1e0f4ab2",
    "tools": "/tools",
    "tool": "/tools/gemini",
    "workers": "/workers",
    "queue": "/queues/bulk",
    "events": "/events",
    "profile": "/settings/profile",
    "tokens": "/settings/tokens",
    "templates": "/settings/templates",
    "template": "/settings/templates/new?job=job-0412",
    "view": "/jobs/views/new?tool=git",
    "policies": "/settings/policies",
    "retention": "/settings/retention",
    "about": "/settings/about",
    "search": "/search?q=refund",
    "keys": "/help/keys",
    "missing": "/jobs/never",
}
RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    # Line numbers of the log are 20 px with a mouse; "Go to line" does the same (brief, section 10).
    "rules": {"target-size": {"enabled": False}},
}
LIGHTEST = 60_000
WINDOWS = 100_000


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pages_pass_axe_and_fit(site: Site, browser: Browser, signed_in: object, theme: str, width: int) -> None:
    context = browser.new_context(
        storage_state=signed_in,
        viewport={"width": width, "height": 900},  # type: ignore[arg-type]
        color_scheme=theme,
    )  # type: ignore[arg-type]
    tab, faults, complaints = context.new_page(), [], []
    tab.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    for name, path in PAGES.items():
        complaints.clear()
        answer = tab.goto(site.url + path, wait_until="load")
        found = Axe().run(tab, options=RULES)
        for violation in found.response["violations"]:
            nodes = [node["html"][:160] for node in violation["nodes"][:3]]
            faults.append(f"{name}: {violation['id']}: {violation['help']}: {nodes}")
        wide = tab.evaluate("document.documentElement.scrollWidth - innerWidth")
        if wide > 0:
            faults.append(f"{name}: {wide} px too wide")
        faults += [f"{name}: {text}" for text in complaints if "status of 404" not in text]
        size = len(answer.body()) if answer else 0
        if size > (WINDOWS if name.startswith("log") else LIGHTEST):
            faults.append(f"{name}: {size} bytes of HTML")
    context.close()
    assert not faults, "\n".join(faults)


def test_pages_fit_320_px(site: Site, browser: Browser, signed_in: object) -> None:
    context = browser.new_context(storage_state=signed_in, viewport={"width": 320, "height": 700})  # type: ignore[arg-type]
    tab, wide = context.new_page(), []
    for name, path in PAGES.items():
        tab.goto(site.url + path, wait_until="load")
        if (by := tab.evaluate("document.documentElement.scrollWidth - innerWidth")) > 0:
            wide.append((name, by))
    context.close()
    assert wide == []


def test_pages_read_without_script(site: Site, browser: Browser, signed_in: object) -> None:
    context = browser.new_context(storage_state=signed_in, java_script_enabled=False)  # type: ignore[arg-type]
    tab = context.new_page()
    for path in PAGES.values():
        tab.goto(site.url + path)
        assert tab.locator("h1").count() == 1, path
        assert tab.locator("h1").inner_text().strip(), path
    context.close()
