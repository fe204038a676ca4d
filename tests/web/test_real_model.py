"""The page with the real SmolLM2: a sample goes in, its memory is trained, it is asked."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from app.samples import load_sample
from tests.serving import serving
from tests.web.asking import ask
from tests.web.browsing import opened

pytestmark = [pytest.mark.exhaustive, pytest.mark.real_model, pytest.mark.timeout(1800)]

LONG_MILLISECONDS = 900_000
FEW_STEPS = {"num_qa_pairs": 0, "num_held_back_pairs": 0, "joint_epochs": 0, "stride_tokens": 128}


@pytest.fixture(scope="module")
def models(pytestconfig: pytest.Config) -> Path:
    """The converted model, kept between runs."""
    return Path(pytestconfig.cache.mkdir("models"))


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory, models: Path) -> Iterator[str]:
    """A whole server with the real model."""
    folder = tmp_path_factory.mktemp("served")
    settings = {"LIFT_MODEL_CACHE_DIR": str(models), "LIFT_DEVICE": "cpu", "LIFT_DTYPE": "float32"}
    with serving(folder / "data", **settings) as served:
        yield served.url()


def test_sample_is_trained_and_asked(browser: Browser, url: str) -> None:
    """Words that can be read come out, with a share of memory and the passage that says it."""
    text = load_sample("kitepost").text
    with opened(browser, url) as page:
        page.get_by_text("How it is trained").click()
        page.get_by_label("Preset").select_option("quick")
        page.get_by_label("Options, as JSON").fill(json.dumps(FEW_STEPS))
        file = {"name": "kitepost.md", "mimeType": "text/markdown", "buffer": text.encode()}
        page.locator("input[type=file]").set_input_files([file])
        page.get_by_role("link", name="Open it").click()
        expect(page.locator(".facts")).to_contain_text("Ready", timeout=LONG_MILLISECONDS)
        ask(page)
        expect(page.get_by_role("meter")).to_be_visible(timeout=LONG_MILLISECONDS)

        assert len(page.locator(".answer").inner_text().split()) >= 3
        expect(page.locator(".evidence")).to_contain_text("grey wax")
