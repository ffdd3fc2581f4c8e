"""The site as files: the same bytes twice, links that lead somewhere, what is missing said, one replaced by another."""

import re
import shutil

import pytest

from anatomy_r1.results.store import load_results, save_result
from reports.__main__ import main
from reports.site.build import MARK, SiteSources, build
from tests.helpers.site_reader import files, read


def test_the_same_run_gives_the_same_bytes(run, site, tmp_path):
    shutil.copytree(run, tmp_path / "moved")  # another place on the disk, other times of files
    build(tmp_path / "again", SiteSources(store=tmp_path / "moved" / "results", run=tmp_path / "moved"))
    first, second = files(site), files(tmp_path / "again")
    assert list(first) == list(second)
    assert [name for name in first if first[name] != second[name]] == []


def test_every_link_leads_to_a_file_of_the_site_and_nothing_is_inline(site):
    pages = {path.name: read(path) for path in site.glob("*.html")}
    assert {"index.html", "table1.html", "table2.html", "samples.html", "method-grpo.html"} <= set(pages)
    for name, page in pages.items():
        assert page.inline == [], name
        for link in page.links:
            file, _, place = link.partition("#")
            assert (site / (file or name)).is_file(), f"{name}: {link}"
            assert not place or place in pages[file or name].ids, f"{name}: {link}"


def test_every_page_forbids_the_network_and_says_what_it_was_made_from(site):
    for path in site.glob("*.html"):
        text = path.read_text(encoding="utf-8")
        policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text).group(1)
        assert "default-src 'none'" in policy and "http" not in policy and "unsafe" not in policy
        for told in ("0123456789", "abababab", "Profile", "Seeds", "tox -e reproduce-table", "not for clinical use"):
            assert told in text, (path.name, told)


def test_hostile_names_in_a_store_are_text(tmp_path, run):
    (result, *_) = [r for r in load_results(run / "results") if r.method == "grpo"]
    object.__setattr__(result, "method", "<script>alert(1)<|script>")
    result.provenance["note"] = "<img src=x onerror=alert(1)>"
    store = tmp_path / "store"
    shutil.copytree(run / "results", store)
    save_result(store, result)
    build(tmp_path / "site", SiteSources(store=store))
    for path in (tmp_path / "site").glob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert read(path).inline == [] and "<script>alert" not in text and "<img src=x" not in text
    assert "&lt;script&gt;alert(1)" in (tmp_path / "site" / "table1.html").read_text(encoding="utf-8")


def test_only_a_site_is_ever_replaced(tmp_path, run):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "thesis.txt").write_text("years of work")
    with pytest.raises(ValueError, match="no site"):
        build(tmp_path / "kept", SiteSources(store=run / "results"))
    assert (tmp_path / "kept" / "thesis.txt").read_text() == "years of work"
    build(tmp_path / "site", SiteSources(store=run / "results", run=run))
    build(tmp_path / "site", SiteSources(store=run / "results"))
    assert (tmp_path / "site" / MARK).is_file() and not (tmp_path / "site" / "images").exists()


def test_what_the_store_cannot_show_is_named(tmp_path, run):
    store = tmp_path / "store"
    for result in load_results(run / "results"):
        if result.method == "zero-shot":
            save_result(store, result)
    build(tmp_path / "site", SiteSources(store=store))
    page = (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
    assert all(title in page for title in ("Table 2", "no control ran", "nothing to compare"))
    assert not (tmp_path / "site" / "table2.html").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--store", "nowhere"], "no such folder"),
        (["--run", "nowhere"], "no such folder"),
    ],
)
def test_what_is_not_there_ends_in_a_message(tmp_path, capsys, words, told):
    assert main(["site", "--out", str(tmp_path / "site"), *words]) == 2
    assert told in capsys.readouterr().err and not (tmp_path / "site").exists()
