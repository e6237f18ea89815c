"""A real headless Chromium (Debian: chromium, chromium-driver), and what a test asks of a page in it."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

REPOSITORY = Path(__file__).parents[2]
_DRAWN = """
const colour = getComputedStyle(document.documentElement).getPropertyValue('--first').trim();
const wanted = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
return [...document.querySelectorAll('.card')].map((card) => {
  const canvas = card.querySelector('canvas');
  const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d', { willReadFrequently: true });
  copy.drawImage(canvas, 0, 0);
  const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
  let found = 0;
  for (let at = 0; at < data.length; at += 4) {
    if (wanted.every((value, index) => Math.abs(value - data[at + index]) < 3) && data[at + 3] > 250) found += 1;
  }
  return [card.querySelector('h3').textContent, found];
});
"""


class Browser:
    def __init__(self, driver: Chrome, artefacts: Path) -> None:
        self.driver, self.artefacts = driver, artefacts

    def open(self, url: str) -> None:
        """Forgets the page before, which may still ask a server that is gone, and its complaints."""
        self.driver.get("about:blank")
        self.complaints()
        self.driver.get(url)

    def shown_as(self, width: int, height: int, *, dark: bool = False) -> None:
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})

    def ask(self, script: str) -> Any:
        return self.driver.execute_script(script)

    def text(self, selector: str = "body") -> str:
        return str(self.ask(f"return document.querySelector({selector!r}).innerText"))

    def values(self) -> dict[str, str]:
        """Title of a card → its number."""
        texts = "[c.children[0].innerText, c.children[1].innerText]"
        found = self.ask(f"return [...document.querySelectorAll('.card')].map((c) => {texts})")
        return {title: value.split()[0] for title, value in found}

    def line_pixels(self) -> dict[str, int]:
        """Title of a card → pixels of its canvas that have the line's colour."""
        return dict(self.ask(_DRAWN))

    def sideways(self) -> int:
        """Pixels by which the page is wider than the window."""
        return int(self.ask("return document.documentElement.scrollWidth - innerWidth"))

    def complaints(self) -> list[str]:
        """What stands on the console since it was asked last."""
        return [entry["message"] for entry in self.driver.get_log("browser")]  # type: ignore[no-untyped-call]

    def picture(self, name: str, width: int) -> Path:
        """Of the whole page."""
        height = int(self.ask("return document.documentElement.scrollHeight"))
        dark = bool(self.ask("return matchMedia('(prefers-color-scheme: dark)').matches"))
        self.shown_as(width, height, dark=dark)
        path = self.artefacts / f"{name}.png"
        self.driver.save_screenshot(str(path))
        return path


def until(question: Callable[[], bool], seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not question():
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(0.05)


@contextlib.contextmanager
def chromium(home: Path) -> Iterator[Browser]:
    """Pictures go to build/, which git ignores, where there is one; else below `home`."""
    binary, service = shutil.which("chromium"), shutil.which("chromedriver")
    if not binary or not service:
        pytest.skip("there is no chromium with its chromedriver: Debian's packages chromium and chromium-driver")
    options = ChromeOptions()
    options.binary_location = binary
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={home / 'profile'}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    build = REPOSITORY / "build"
    artefacts = (build if build.is_dir() else home) / "screenshots"
    artefacts.mkdir(exist_ok=True)
    driver = Chrome(options=options, service=Service(service, env={**os.environ, "HOME": str(home)}))
    driver.set_script_timeout(20)
    try:
        yield Browser(driver, artefacts)
    finally:
        driver.quit()
        print(f"screenshots: {artefacts}")
