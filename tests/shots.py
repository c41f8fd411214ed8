"""A picture of every page: `python -m tests.shots DIR` writes light, dark and 390 px wide ones."""

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.browser import site as sites
from tests.browser.test_every_page import PAGES

MODES = {"light": (1440, 900, "light"), "dark": (1440, 900, "dark"), "phone": (390, 844, "light")}


def main(out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as data, sync_playwright() as play:
        site = sites.start(Path(data))
        try:
            browser = play.chromium.launch(executable_path=sites.CHROMIUM, args=sites.FLAGS)
            for mode in MODES:
                shoot(browser, site.url, mode, out)
            browser.close()
        finally:
            site.stop()


def shoot(browser: Browser, url: str, mode: str, out: Path) -> None:
    width, height, theme = MODES[mode]
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=theme)  # type: ignore[arg-type]
    tab = context.new_page()
    tab.goto(f"{url}/login")
    tab.screenshot(path=out / f"login-{mode}.png")
    tab.fill("#u", sites.USER)
    tab.fill("#p", sites.PASSWORD)
    tab.click("button.primary")
    tab.wait_for_url(f"{url}/")
    for name, path in PAGES.items():
        tab.goto(url + path, wait_until="load")
        tab.wait_for_timeout(200)
        tab.screenshot(path=out / f"{name}-{mode}.png", full_page=not name.startswith("log"))
        print(out / f"{name}-{mode}.png", flush=True)
    context.close()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m tests.shots DIR")
    main(Path(sys.argv[1]))
