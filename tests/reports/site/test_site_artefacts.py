"""Figures, cards and JSON files that others made, and the ledger, as pages of the site."""

import json
from pathlib import Path

import pytest

from reports.ledger.ledger import read_document
from reports.site.artefacts import json_page
from reports.site.build import SiteSources, build


def test_figures_and_documents_that_are_there_get_pages(tmp_path, run):
    told = tmp_path / "told"
    drawn, cards = told / "figures", told / "cards"
    drawn.mkdir(parents=True), cards.mkdir()
    (drawn / "fig1_anatomy.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (drawn / "fig1_anatomy.pdf").write_bytes(b"%PDF")
    (drawn / "fig1_anatomy.txt").write_text("What is <b>seen</b>.")
    (cards / "model-grpo.md").write_text("# <u>Card</u>")
    claims = [{"claim": "<i>", "verdict": "confirmed", "n": 3}, {"claim": "b", "verdict": None, "n": 0.5}]
    (told / "ledger.json").write_text(json.dumps({"title": "Ledger", "made": True, "claims": claims}))
    nested = {
        "checks": [{"id": "grim", "findings": [{"cell": "a1"}], "grids": [{"columns": ["x", "y"], "rows": [[1, 2]]}]}]
    }
    (drawn / "audit.json").write_text(json.dumps(nested))
    build(tmp_path / "site", SiteSources(run / "results", run, artefacts=(told,)))
    page = {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "site").glob("*.html")}
    figures = page["figures.html"]
    assert 'src="figures/fig1_anatomy.svg"' in figures and "fig1_anatomy.pdf" in figures and "&lt;b&gt;seen" in figures
    assert "&lt;i&gt;" in page["ledger.html"] and "<h1>Ledger</h1>" in page["ledger.html"]
    assert 'data-value="0.5"' in page["ledger.html"] and "<dt>Made</dt><dd>yes</dd>" in page["ledger.html"]
    assert all(text in page["audit.html"] for text in ("grim", "Cell", "a1", '<td data-value="2"'))
    assert "# &lt;u&gt;Card" in page["cards.html"]
    menus = {"ledger": "audit", "cards": "about", "figures": "rollouts"}  # page -> another of its section
    assert all(f'href="{name}.html"' in page[f"{beside}.html"] for name, beside in menus.items())
    assert 'href="ledger.html">Claims' in page["index.html"], "the ledger comes first in its section"


def test_a_forest_plot_of_other_results_is_drawn_again(tmp_path, run):
    told = tmp_path / "told"
    told.mkdir()
    (told / "forest.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'><text>of other results</text></svg>")
    (told / "forest.pdf").write_bytes(b"%PDF")
    build(tmp_path / "first", SiteSources(run / "results", run, artefacts=(told,)))
    drawn = (tmp_path / "first" / "figures" / "forest.svg").read_bytes()
    assert b"of other results" not in drawn and not (tmp_path / "first" / "figures" / "forest.pdf").exists()
    assert "forest.pdf" not in (tmp_path / "first" / "figures.html").read_text(encoding="utf-8")
    (told / "forest.svg").write_bytes(drawn)
    build(tmp_path / "second", SiteSources(run / "results", run, artefacts=(told,)))
    assert 'href="figures/forest.pdf"' in (tmp_path / "second" / "figures.html").read_text(encoding="utf-8")


def test_an_artefact_never_takes_the_place_of_a_page(tmp_path, run):
    (tmp_path / "table1.json").write_text("{}")
    with pytest.raises(ValueError, match=r"table1\.html: two pages"):
        build(tmp_path / "site", SiteSources(run / "results", artefacts=(tmp_path,)))


@pytest.mark.parametrize("content", ["", "{", "NaN,"])
def test_an_artefact_that_is_no_json_stops_the_build_by_name(tmp_path, run, content):
    (tmp_path / "ledger.json").write_text(content)
    with pytest.raises(ValueError, match=r"ledger\.json: no JSON"):
        build(tmp_path / "site", SiteSources(run / "results", artefacts=(tmp_path,)))


LEDGER = Path(__file__).resolve().parents[3] / "results" / "audit" / "ledger.json"


def test_the_ledger_has_all_its_claims_in_one_table_and_its_reasons_below():
    document = json_page(LEDGER, [read_document]).content["document"]
    claims = json.loads(LEDGER.read_text())["claims"]
    assert [row.title for row in document.sections[1].tables[0].blocks[0].rows] == [one["id"] for one in claims]
    entries = [entry for section in document.sections[2:] for entry in section.entries]
    assert [entry.title for entry in entries] == [one["claim"] for one in claims]
    assert any("differ in" in note for note in document.notes), "what the comparisons allowed for comes last"
