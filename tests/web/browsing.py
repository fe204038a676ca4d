"""A real Chromium for the page: it may ask the server alone, and nothing may go wrong in it."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

PATIENCE_MILLISECONDS = 20_000
DESK, PHONE = {"width": 1280, "height": 860}, {"width": 360, "height": 740}


@contextmanager
def running_chromium() -> Iterator[Browser]:
    """Start the system's Chromium, or skip the test where there is none."""
    found = next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )
    if found is None:
        pytest.skip("needs Chromium, as Debian's package chromium has it")
    expect.set_options(timeout=PATIENCE_MILLISECONDS)
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=arguments)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def opened(browser: Browser, url: str, **options: Any) -> Iterator[Page]:
    """Open the server's page; fail in the end if it called elsewhere or an error came up."""
    settings = {"viewport": DESK, "color_scheme": "light"} | options
    context = browser.new_context(base_url=url, **settings)
    context.set_default_timeout(PATIENCE_MILLISECONDS)
    page = context.new_page()
    troubles = _watch(context, page, url)
    try:
        page.goto("/")
        yield page
    finally:
        context.close()
    assert troubles == []


def _watch(context: BrowserContext, page: Page, url: str) -> list[str]:
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(f"error: {error}"))
    page.on("console", lambda said: _hear(said.type, said.text, troubles))
    context.on("request", lambda request: _check(request.url, url, troubles))
    return troubles


def _hear(kind: str, text: str, troubles: list[str]) -> None:
    """Refused calls are told on the console, too: those belong to the tests."""
    if kind == "error" and not text.startswith("Failed to load resource"):
        troubles.append(text)


def _check(asked: str, url: str, troubles: list[str]) -> None:
    if not asked.startswith((url, "data:", "blob:")):
        troubles.append(f"a request to {asked}")
