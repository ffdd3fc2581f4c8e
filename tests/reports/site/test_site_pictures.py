"""Pictures on the site: generated ones always, real ones on request with their licence, and those shown."""

import pytest

from reports.site.build import SiteSources, build
from reports.site.run import LEFT_OUT, LICENCE, QUESTIONS, Pictures, open_run
from tests.helpers.site_reader import cell, delivered
from tests.helpers.site_worlds import SGG, World, make


@pytest.mark.parametrize("asked_for", [False, True])
def test_real_pictures_enter_on_request_alone_and_with_their_licence(tmp_path, asked_for):
    world = World(methods=("zero-shot", "grpo"), benchmarks=("sgg_anatomy",), generated=False, steps=1)
    run = make(tmp_path / "run", world)
    build(tmp_path / "site", SiteSources(store=run / "results", run=run, with_images=asked_for))
    index = delivered(tmp_path / "site", "index")
    pictures = [row[7] for row in delivered(tmp_path / "site", "questions/sgg_anatomy")]
    group = delivered(tmp_path / "site", index["trainings"][0]["shard"])["groups"][0]
    licensed = [LICENCE[:40] in page.read_text(encoding="utf-8") for page in (tmp_path / "site").glob("*.html")]
    assert len(list((tmp_path / "site").glob("images/*"))) == (5 if asked_for else 0)
    assert all(bool(name) == asked_for for name in [*pictures, group["picture"]])
    assert all(licensed) if asked_for else not any(licensed)
    assert index["notices"] == [LICENCE if asked_for else QUESTIONS]
    assert index["benchmarks"][0]["notice"] == ("" if asked_for else LEFT_OUT)


def test_generated_pictures_always_enter_and_are_the_data_sets_own(run, site):
    rows = delivered(site, f"questions/{SGG}")
    wanted = {path.read_bytes() for path in (run / "world" / SGG).glob("*.png")}
    assert {(site / row[7]).read_bytes() for row in rows} == wanted


def test_a_swapped_picture_is_the_one_that_was_shown(tmp_path):
    run = make(tmp_path / "run", World(methods=("grpo", "grpo@wrong-image"), steps=1))
    build(tmp_path / "site", SiteSources(store=run / "results", run=run))
    of, rows = cell(tmp_path / "site", "grpo@wrong-image"), delivered(tmp_path / "site", f"questions/{SGG}")
    shown = delivered(tmp_path / "site", of["texts"])["shown"]
    own = {int(row[0][-4:]) % 5: row[7] for row in rows}  # place n has picture n % 5
    assert of["images"] == "swapped" and len(set(own.values())) == 5
    assert shown == [own[(int(row[0][-4:]) + 1) % 5] for row in rows]


def test_a_picture_that_no_browser_shows_is_refused(tmp_path, run):
    benchmark = open_run(run).benchmarks[SGG]
    with pytest.raises(ValueError, match=r"scan\.tiff"):
        Pictures(tmp_path, False).name(benchmark, "scan.tiff")
