"""The site as files: the same bytes twice, links that lead somewhere, what is missing said, one replaced by another."""

import html
import re
import shutil
from urllib.parse import parse_qsl

import pytest

from anatomy_r1.results.store import load_results, save_result
from reports.__main__ import main
from reports.site.build import MARK, SiteSources, build
from tests.helpers.site_reader import cell, delivered, files, read


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
            assert leads_somewhere(site, file, place) or place in pages[file or name].ids, f"{name}: {link}"


def leads_somewhere(site, file, place):
    """Whether a viewer has what the address asks it for; True without an address."""
    asked, index = dict(parse_qsl(place)), delivered(site, "index")
    known = {"samples.html": [one for one in index["cells"] if one["logged"]], "rollouts.html": index["trainings"]}
    names = [name for name in ("benchmark", "model", "method") if name in asked]
    return not place or any(names and all(one[name] == asked[name] for name in names) for one in known.get(file, []))


def test_numbers_link_to_their_samples_and_flips_to_their_questions(site):
    """The number in the table is the share that the samples behind its link have."""
    table = (site / "table1.html").read_text(encoding="utf-8")
    links = re.findall(r'<a class="number" href="samples\.html#([^"]*)">(?:<span[^>]*>)?([\d.]+)', table)
    asked, number = next(
        (dict(parse_qsl(html.unescape(to))), number) for to, number in links if "method=grpo&" in f"{to}&"
    )
    marks = delivered(site, cell(site, asked["method"], benchmark=asked["benchmark"])["shard"])["right"]
    share = sum(marks[place] == "1" for place in range(len(marks)) if place % 6 < 5) / (len(marks) / 6 * 5)
    assert float(number) == pytest.approx(100 * share, abs=0.005)
    flips = [
        dict(parse_qsl(link.partition("#")[2])) for link in read(site / "comparisons.html").links if "show=" in link
    ]
    assert {one["show"] for one in flips} == {"gained", "lost"}
    assert all(one["method"] == "grpo" and one["other"] != "grpo" for one in flips)


def test_the_menu_has_six_entries_and_none_that_is_empty(site, tmp_path, run):
    def entries(folder):
        text = (folder / "index.html").read_text(encoding="utf-8")
        return re.findall(r"<li><a [^>]*>([^<]*)</a>", text[text.index("<nav") : text.index("</nav>")])

    artefacts = tmp_path / "told"
    artefacts.mkdir()
    (artefacts / "audit.json").write_text("{}")
    build(tmp_path / "full", SiteSources(run / "results", run, artefacts=(artefacts,)))
    assert entries(tmp_path / "full") == ["Results", "Compare", "Samples", "Training", "Claims", "About"]
    build(tmp_path / "bare", SiteSources(run / "results"))
    assert entries(tmp_path / "bare") == ["Results", "Compare", "Training", "About"]  # Training: the figures


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
    page = (tmp_path / "site" / "about.html").read_text(encoding="utf-8")
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
