"""One Chromium for all tests of the site; skipped with the reason where there is none.

Debian's, by path: nothing is downloaded, and what it would tell its makers is turned off.
"""

import json
import shutil
from pathlib import Path

import pytest

from tests.helpers.site_worlds import OMNIMED, SGG, World, make

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-dev-shm-usage",  # a container's is small
)
METHODS = ("zero-shot", "grpo", "grpo-gdqa", "grpo-gdqa-no-text", "control-majority", "dapo")


def pytest_collection_modifyitems(items):
    here = Path(__file__).parent
    for item in (one for one in items if here in one.path.parents):
        item.add_marker(pytest.mark.browser)
        item.add_marker(pytest.mark.slow)
        if CHROMIUM is None:
            item.add_marker(pytest.mark.skip(reason="no chromium on the path: `apt-get install chromium`"))


def build_site(folder, world):
    from reports.site.build import SiteSources, build

    run = make(folder / "run", world)
    artefacts(folder / "told")
    build(folder / "site", SiteSources(store=run / "results", run=run, artefacts=(folder / "told",)))
    return folder / "site"


def artefacts(folder):
    """One of each kind that others make."""
    from PIL import Image

    (folder / "figures").mkdir(parents=True)
    (folder / "cards").mkdir()
    Image.new("RGB", (900, 400), "white").save(folder / "figures" / "figure1.png")
    (folder / "cards" / "model-grpo.md").write_text("# Model card\n\nMade up.\n")
    finding = {"title": "A finding", "test": "Is there a whole number? " * 12, "strength": "counted"}
    grid = {"title": "A grid", "head": ["N", "fit"], "rows": [["1,000", "5 of 9"], ["500", "9 of 9"]]}
    (folder / "audit.json").write_text(json.dumps({"checks": [{"id": "grim", "findings": [finding], "grids": [grid]}]}))


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    world = World(methods=METHODS, benchmarks=(SGG, OMNIMED), questions=60, clusters=12)
    return build_site(tmp_path_factory.mktemp("small"), world)


@pytest.fixture(scope="session")
def large_site(tmp_path_factory):
    """20,000 sampled responses: four methods answer 1,000 questions five times."""
    world = World(methods=METHODS[:4], questions=1000, clusters=20, words=30, steps=1)
    return build_site(tmp_path_factory.mktemp("large"), world)


@pytest.fixture(scope="module")
def browser():
    """Closed after its module: Playwright's event loop runs as long as it is open, in the thread of all tests."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield opened
        opened.close()


@pytest.fixture
def visit(browser):
    """Opens a page of a site from disk; after the test: no error on its console, and nothing asked for but files."""
    contexts, errors, requests = [], [], []

    def go(folder, page, **context):
        contexts.append(browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **context}))
        opened = contexts[-1].new_page()
        opened.set_default_timeout(10_000)
        opened.on("console", lambda said: errors.append(said.text) if said.type in ("error", "warning") else None)
        opened.on("pageerror", lambda error: errors.append(str(error)))
        opened.on("request", lambda request: requests.append(request.url))
        opened.goto(f"{folder.as_uri()}/{page}")
        return opened

    yield go
    for one in contexts:
        one.close()
    assert errors == []
    assert requests and all(url.startswith("file://") for url in requests), requests
