"""Reports at the paper's size within a minute of one core and 2 GB; the sample viewer's first view within a second."""

import shutil

import pytest

from tests.bench import reports_at_paper_scale

pytestmark = pytest.mark.bench


def test_all_reports_of_a_paper_scale_store(tmp_path):
    found = reports_at_paper_scale.main(tmp_path / "run")
    print(found)
    assert found["seconds"] < 60 and found["peak_mb"] < 2048


CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the path: `apt-get install chromium`")
def test_the_first_view_of_20000_responses(tmp_path):
    """From the click to the first sample with its picture, over all four methods' 20,000 responses."""
    from playwright.sync_api import sync_playwright

    from reports.site.build import SiteSources, build
    from tests.helpers.site_worlds import World, make

    methods = ("zero-shot", "grpo", "grpo-gdqa", "grpo-gdqa-no-text")
    run = make(tmp_path / "run", World(methods=methods, questions=1000, clusters=20, words=30, steps=1))
    build(tmp_path / "site", SiteSources(store=run / "results", run=run))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.goto(f"{(tmp_path / 'site').as_uri()}/index.html")
        seconds = sorted(_first_view(page, tmp_path / "site") for _ in range(5))
        browser.close()
    print(seconds)
    assert seconds[2] < 1  # the median: the machine may have other work


SHOWN = """() => {
  const image = document.querySelector('#sample img');
  const ready = image && image.naturalWidth > 0 && document.getElementById('count').textContent.includes('20,000');
  return ready ? performance.now() / 1000 : null;
}"""


def _first_view(page, site):
    """Seconds from the start of navigation until the list is counted and the first picture is there."""
    page.goto("about:blank")
    page.goto(f"{site.as_uri()}/samples.html#method=*", wait_until="commit")
    while (seconds := page.evaluate(SHOWN)) is None:
        page.wait_for_timeout(5)
    return seconds
