"""Pictures on the site: generated ones always, real ones on request with their licence, and those shown."""

import numpy as np
import pytest
from PIL import Image

from anatomy_r1.data.images import open_rgb
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


def test_a_picture_that_cannot_be_read_is_refused(tmp_path, run):
    benchmark = open_run(run).benchmarks[SGG]
    for name, content in (("missing.tiff", None), ("text.png", b"<html>")):
        if content:
            (benchmark.test.image_root / name).write_bytes(content)
        with pytest.raises(ValueError, match=rf"{name}: the picture cannot be read.* Fix: "):
            Pictures(tmp_path, False).name(benchmark, name)


DEEP = np.arange(6144, dtype=np.uint16).reshape(64, 96)
PICTURES = {
    "TIFF": ("scan.tif", Image.new("RGB", (96, 64), "red"), "TIFF"),
    "TIFF of 16 bits": ("scan.tiff", Image.fromarray(DEEP), "TIFF"),
    "BMP": ("image.BMP", Image.new("RGB", (96, 64), "red"), "BMP"),
    "a TIFF that is called PNG": ("scan.png", Image.new("RGB", (96, 64), "red"), "TIFF"),
    "PNG of 12 bits": ("deep.png", Image.fromarray(DEEP), "PNG"),
}


@pytest.mark.parametrize("word", PICTURES)
def test_case_13_pictures_that_browsers_do_not_show_become_png(tmp_path, word):
    world = World(methods=("zero-shot", "grpo"), benchmarks=("sgg_anatomy",), generated=False, steps=1)
    run = make(tmp_path / "run", world)
    name, picture, kind = PICTURES[word]
    benchmark = open_run(run).benchmarks["sgg_anatomy"]
    picture.save(benchmark.test.image_root / name, kind)
    found = tmp_path / "site" / Pictures(tmp_path / "site", True).name(benchmark, name)
    assert found.suffix == ".png"
    with Image.open(found) as shown:
        assert (shown.format, shown.mode) == ("PNG", "RGB")
        assert np.array_equal(np.asarray(shown), np.asarray(open_rgb(benchmark.test.image_root / name)))


def test_case_13_a_site_of_tiffs_is_built(tmp_path):
    world = World(methods=("zero-shot", "grpo"), benchmarks=("sgg_anatomy",), generated=False, steps=1)
    run = make(tmp_path / "run", world)
    for path in (run / "world" / "sgg_anatomy").glob("*.png"):
        with Image.open(path) as picture:
            picture.load()
        picture.save(path, "TIFF")
    build(tmp_path / "site", SiteSources(store=run / "results", run=run, with_images=True))
    pictures = {row[7] for row in delivered(tmp_path / "site", "questions/sgg_anatomy")}
    assert len(pictures) == 5
    assert all((tmp_path / "site" / name).read_bytes().startswith(b"\x89PNG") for name in pictures)
