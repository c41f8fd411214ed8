"""One site and one Chromium for all stories. A page that logs an error or breaks the policy fails its test."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.browser import site as sites
from tests.browser.site import Site


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    missing = not Path(sites.CHROMIUM).exists()
    for item in items:
        if "tests/browser" in str(item.path):
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.slow)
            if missing and os.environ.get("CI") != "true":
                item.add_marker(pytest.mark.skip(reason=f"no Chromium at {sites.CHROMIUM}; set ENGINE_TEST_CHROMIUM"))


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    running = sites.start(tmp_path_factory.mktemp("site"))
    yield running
    running.stop()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=sites.CHROMIUM, args=sites.FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def signed_in(site: Site, browser: Browser) -> object:
    """The cookies of somebody who signed in through the form."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{site.url}/login")
    page.fill("#u", sites.USER)
    page.fill("#p", sites.PASSWORD)
    page.click("button.primary")
    page.wait_for_url(f"{site.url}/")
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def context(site: Site, browser: Browser, signed_in: object) -> Iterator[BrowserContext]:
    fresh = browser.new_context(
        storage_state=signed_in,
        base_url=site.url,  # type: ignore[arg-type]
        viewport={"width": 1440, "height": 900},
    )
    fresh.set_default_timeout(10_000)
    yield fresh
    fresh.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    tab = context.new_page()
    complaints: list[str] = []
    tab.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    yield tab
    expected = "the server responded with a status of 4"  # a story may ask for what is not there
    assert [text for text in complaints if expected not in text] == []
