"""The site as files: the same bytes twice, links that lead somewhere, text that stays text, what is missing said."""

import html
import json
import math
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from site_worlds import HOSTILE, SGG, World, make

from anatomy_r1.answered import answered
from anatomy_r1.answers import Reason
from anatomy_r1.results import ROTATIONS, SUBMITTED, load_results, save_result
from reports.__main__ import main
from reports.site import data, samples
from reports.site.about import METHODS, REASONS
from reports.site.build import MARK, Sources, build
from reports.site.document import document
from reports.site.method_page import knob_rows
from reports.site.page import sortable
from reports.site.pictures import LEFT_OUT, LICENCE, QUESTIONS, Pictures
from reports.site.provenance import commands, facts
from reports.site.rollouts import SERIES
from reports.site.shards import shard, slug


def files(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def delivered(site, name):
    """What a shard hands over, read as JavaScript would read it."""
    text = (site / "data" / f"{name}.js").read_text(encoding="ascii")
    head, body = f"site.deliver({json.dumps(name)}, ", ");\n"
    assert text.startswith(head) and text.endswith(body)
    return json.loads(text[len(head) : -len(body)])


def cell(site, method, **of):
    index = delivered(site, "index")
    (found,) = [c for c in index["cells"] if c["method"] == method and all(c[k] == v for k, v in of.items())]
    return found


class Links(HTMLParser):
    """Every address and id of a page, and what could run or reach out."""

    def __init__(self):
        super().__init__()
        self.links, self.ids, self.inline = [], set(), []

    def handle_starttag(self, tag, attrs):
        named = dict(attrs)
        self.links += [named[name] for name in ("href", "src") if name in named]
        if "id" in named:
            assert named["id"] not in self.ids, f"id {named['id']} stands twice"
            self.ids.add(named["id"])
        self.inline += [name for name in named if name.startswith("on") or name == "style"]
        self.inline += [tag] if tag in ("style", "iframe", "object") or (tag == "script" and "src" not in named) else []


def read(page):
    found = Links()
    found.feed(page.read_text(encoding="utf-8"))
    return found


def test_the_same_run_gives_the_same_bytes(run, site, tmp_path):
    shutil.copytree(run, tmp_path / "moved")  # another place on the disk, other times of files
    build(tmp_path / "again", Sources(store=tmp_path / "moved" / "results", run=tmp_path / "moved"))
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


def test_tables_on_pages_hold_the_numbers_of_the_reports(run, site):
    from reports.table1 import table1

    page = (site / "table1.html").read_text(encoding="utf-8")
    table = table1(load_results(run / "results")).tables[0]
    cells = [c for block in table.blocks for row in block.rows for c in row.cells if c.aside]
    assert len(cells) == 15  # three metrics of five methods
    for one in cells:
        assert re.search(rf'data-value="{re.escape(sortable(one))}"[^>]*>(<span[^>]*>)?{re.escape(one.text)}', page)
        assert one.aside in page


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("25.55", "25.55"),
        ("25.55†", "25.55"),  # a leak's mark
        ("+3.10", "+3.10"),
        ("\N{MINUS SIGN}3.10", "-3.10"),
        ("12,345", "12345"),
        ("<0.0001", "0.0001"),
        ("1.4e-42", "1.4e-42"),
        ("—", ""),  # nothing was run
        ("better", ""),
    ],
)
def test_a_cell_sorts_by_its_number(text, value):
    assert sortable(text) == value


HARD = ["</script>", "<!--", "<script", "\u2028", "\u2029", "&amp;", "\udc80", "]]>", '"\\', "\x00"]


@pytest.mark.parametrize("text", HARD)
def test_a_shard_is_ascii_without_markup_and_gives_back_what_it_was_given(text):
    script = shard("a/b", [text])
    assert script.isascii() and not set("<>&") & set(script)
    assert json.loads(script.removeprefix('site.deliver("a/b", ').removesuffix(");\n")) == [text]


def test_names_of_files_are_plain_and_two_names_never_share_one():
    hostile = ["../../etc", "a/b", "a--b", "a b", "a-b", ".hidden", "x" * 300, "ä", "\udc80", ""]
    found = [slug(name) for name in hostile]
    assert len(set(found)) == len(hostile)
    assert all(re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]*", name) and len(name) <= 120 for name in found)
    assert slug("sgg/mini-l/grpo") == "sgg--mini-l--grpo"


def test_the_viewers_data_are_the_logs(run, site):
    of = cell(site, "grpo")
    (log,) = (run / "responses").glob(f"{SGG}/mini-l/grpo/seed0/*.sqlite")
    said = answered(log, run / "data")
    rows, marks = delivered(site, f"questions/{SGG}"), delivered(site, of["shard"])
    texts = delivered(site, of["texts"])
    assert [row[0] for row in rows] == sorted(question.id for question in said.questions)
    by_id = {q.id: (q, six) for q, six in zip(said.questions, said.responses, strict=True)}
    for place, row in enumerate(rows):
        question, six = by_id[row[0]]
        assert (row[4], tuple(row[5]), row[6]) == (question.stem, question.options, question.letter)
        assert [texts["texts"][at] for at in texts["at"][6 * place : 6 * place + 6]] == [one.text for one in six]
        chosen = marks["choices"][6 * place : 6 * place + 6]
        assert [c == question.letter for c in chosen] == [c == "1" for c in marks["right"][6 * place : 6 * place + 6]]
        assert marks["cut"][6 * place : 6 * place + 6] == "".join("01"[r.finish_reason == "length"] for r in six)
    assert HOSTILE in texts["texts"]


def test_a_hostile_response_is_in_no_page(site):
    assert all(b"onerror" not in path.read_bytes() for path in site.glob("*.html"))


def test_hostile_names_in_a_store_are_text(tmp_path, run):
    (result, *_) = [r for r in load_results(run / "results") if r.method == "grpo"]
    object.__setattr__(result, "method", "<script>alert(1)<|script>")
    result.provenance["note"] = "<img src=x onerror=alert(1)>"
    store = tmp_path / "store"
    shutil.copytree(run / "results", store)
    save_result(store, result)
    build(tmp_path / "site", Sources(store=store))
    for path in (tmp_path / "site").glob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert read(path).inline == [] and "<script>alert" not in text and "<img src=x" not in text
    assert "&lt;script&gt;alert(1)" in (tmp_path / "site" / "table1.html").read_text(encoding="utf-8")


def test_a_log_that_says_other_than_the_store_stops_the_build(tmp_path, run):
    store = tmp_path / "store"
    shutil.copytree(run / "results", store)
    (result, *_) = [r for r in load_results(store) if r.method == "grpo"]
    name = result.questions.loc[3, "id"]
    result.questions.loc[3, "correct_2"] = not result.questions.loc[3, "correct_2"]
    save_result(store, result)
    with pytest.raises(ValueError, match=rf"grpo/matched/seed0: question {name} .* Cure"):
        build(tmp_path / "site", Sources(store=store, run=run))
    assert not (tmp_path / "site").exists() and not list(tmp_path.glob(".site*"))


def test_without_a_run_the_viewer_says_what_is_missing(tmp_path, run, capsys):
    assert main(["site", "--store", str(run / "results"), "--out", str(tmp_path / "site")]) == 0
    page = html.unescape((tmp_path / "site" / "samples.html").read_text(encoding="utf-8"))
    assert data.NO_RUN in page and data.NO_TRAINING in page and data.NO_RUN in capsys.readouterr().out
    of = cell(tmp_path / "site", "grpo")
    assert (of["logged"], of["texts"]) == (False, "")
    assert set(delivered(tmp_path / "site", of["shard"])) == {"right", "major", "read"}
    assert not (tmp_path / "site" / "images").exists()


def test_a_missing_log_is_said_of_its_method_alone(tmp_path, run):
    shutil.copytree(run, tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "responses" / SGG / "mini-l" / "grpo")
    written = build(tmp_path / "site", Sources(store=run / "results", run=tmp_path / "run"))
    assert cell(tmp_path / "site", "grpo")["notice"] == data.NO_LOG
    assert cell(tmp_path / "site", "grpo-gdqa")["notice"] == ""
    assert written.responses == 3 * 24 * 5  # zero-shot and the two GDQAs; the control never said anything


@pytest.mark.parametrize("asked_for", [False, True])
def test_real_pictures_enter_on_request_alone_and_with_their_licence(tmp_path, asked_for):
    world = World(methods=("zero-shot", "grpo"), benchmarks=("sgg_anatomy",), generated=False, steps=1)
    run = make(tmp_path / "run", world)
    build(tmp_path / "site", Sources(store=run / "results", run=run, with_images=asked_for))
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
    build(tmp_path / "site", Sources(store=run / "results", run=run))
    of, rows = cell(tmp_path / "site", "grpo@wrong-image"), delivered(tmp_path / "site", f"questions/{SGG}")
    shown = delivered(tmp_path / "site", of["texts"])["shown"]
    own = {int(row[0][-4:]) % 5: row[7] for row in rows}  # place n has picture n % 5
    assert of["images"] == "swapped" and len(set(own.values())) == 5
    assert shown == [own[(int(row[0][-4:]) + 1) % 5] for row in rows]


def test_the_arm_as_released_has_its_own_responses(tmp_path):
    run = make(tmp_path / "run", World(methods=("grpo",), arm="as-released", steps=1))
    build(tmp_path / "site", Sources(store=run / "results", run=run))
    of = cell(tmp_path / "site", "grpo/as-released")
    assert of["logged"] and HOSTILE in delivered(tmp_path / "site", of["texts"])["texts"]


def test_means_over_rotated_options_are_no_marks(tmp_path, run):
    """A question that was right under some of its rotations is neither right nor wrong."""
    store = tmp_path / "store"
    shutil.copytree(run / "results", store)
    (plain, *_) = [r for r in load_results(store) if r.method == "grpo"]
    means = plain.questions.assign(**dict.fromkeys(ROTATIONS, 0), correct_0=0.75, major=0.5, parsed=4.75)
    save_result(store, replace(plain, method="grpo@rotations", questions=means))
    build(tmp_path / "site", Sources(store=store))
    assert "grpo@rotations" not in {one["method"] for one in delivered(tmp_path / "site", "index")["cells"]}


def test_a_picture_that_no_browser_shows_is_refused(tmp_path, run):
    from reports.site.run import open_run

    benchmark = open_run(run).benchmarks[SGG]
    with pytest.raises(ValueError, match=r"scan\.tiff"):
        Pictures(tmp_path, False).name(benchmark, "scan.tiff")


def test_rollouts_are_the_training_log(run, site):
    from anatomy_r1.training_log import read as read_log

    index = delivered(site, "index")
    assert [one["method"] for one in index["trainings"]] == ["grpo", "grpo-gdqa", "grpo-gdqa-no-text"]
    found = delivered(site, index["trainings"][0]["shard"])
    rows = read_log(run / "train" / SGG / "mini-l" / "grpo" / "seed0" / "training_log.sqlite", "rollouts")
    assert [(g["step"], g["group"]) for g in found["groups"]] == [(1, 0), (1, 1), (10, 0), (10, 1)]
    group = found["groups"][3]
    of = rows[(rows["step"] == 10) & (rows["group_index"] == 1)]
    assert [m[1] for m in group["members"]] == list(of["completion"])
    assert [m[3] for m in group["members"]] == [[a, 1] for a in of["reward_accuracy_reward"]]
    assert [m[4] for m in group["members"]] == [pytest.approx(a) for a in of["advantage"]]
    assert group["prompts"] == [of["prompt"].iloc[0]]


def test_the_steps_numbers_by_hand(site):
    """The first group of each step is all right, so teaches nothing and has one choice; the second has two at most."""
    found = delivered(site, delivered(site, "index")["trainings"][0]["shard"])
    for values in found["series"]:
        row = dict(zip(SERIES, values, strict=True))
        group = next((g for g in found["groups"] if (g["step"], g["group"]) == (row["step"], 1)), None)
        assert row["tokens"] == 12 * 16 * row["step"] and row["seconds"] == 0.5
        if group is None:
            continue
        right = sum(m[3][0] for m in group["members"])
        assert row["reward"] == pytest.approx((8 + right + 16) / 16, abs=1e-5)
        assert row["idle"] == (1.0 if right in (0, 8) else 0.5)
        assert row["distinct"] == (1 if right in (0, 8) else 1.5)
        share = right / 8
        bits = 0 if right in (0, 8) else -(share * math.log2(share) + (1 - share) * math.log2(1 - share))
        assert row["entropy"] == pytest.approx(bits / 2, abs=1e-5)


def test_commands_name_exactly_the_cells_of_a_page(run):

    from baselines.__main__ import _parser

    found = set()
    for command in commands(load_results(run / "results")):
        head, words = command.split(" -- ")
        assert head in ("tox -e reproduce-table1", "tox -e reproduce-table2")
        parsed = _parser().parse_args(["run", *words.split()])
        found |= {
            (b, model, method, seed)
            for b in parsed.benchmarks
            for model in parsed.models
            for method in parsed.methods
            for seed in parsed.seeds
        }
    assert found == {(r.benchmark, r.model, r.method, r.seed) for r in load_results(run / "results")}


def test_what_others_submitted_has_no_command(run):
    results = load_results(run / "results")
    theirs = [replace(one, arm=SUBMITTED) for one in results]
    assert commands([*results, *theirs]) == commands(results) and commands(theirs) == ()


@pytest.mark.parametrize("training", ["120 steps", {"plan": []}, {"plan": {"method": "m", "arguments": 3}}], ids=str)
def test_a_training_that_says_nothing_of_its_settings_has_none(run, training):
    (one, *_) = load_results(run / "results")
    assert knob_rows([replace(one, provenance={"training": training})]) == [("starts from", "null")]
    assert facts([replace(one, provenance={"training": {"provenance": training}})])


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
    build(tmp_path / "site", Sources(run / "results", run, artefacts=(told,)))
    page = {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "site").glob("*.html")}
    figures = page["figures.html"]
    assert 'src="figures/fig1_anatomy.svg"' in figures and "fig1_anatomy.pdf" in figures and "&lt;b&gt;seen" in figures
    assert "&lt;i&gt;" in page["ledger.html"] and "<h1>Ledger</h1>" in page["ledger.html"]
    assert 'data-value="0.5"' in page["ledger.html"] and "<dt>Made</dt><dd>yes</dd>" in page["ledger.html"]
    assert all(text in page["audit.html"] for text in ("grim", "Cell", "a1", '<td data-value="2"'))
    assert "# &lt;u&gt;Card" in page["cards.html"]
    assert all(f'href="{name}.html"' in page["index.html"] for name in ("ledger", "audit", "cards", "figures"))


def test_an_artefact_never_takes_the_place_of_a_page(tmp_path, run):
    (tmp_path / "table1.json").write_text("{}")
    with pytest.raises(ValueError, match=r"table1\.html: two pages"):
        build(tmp_path / "site", Sources(run / "results", artefacts=(tmp_path,)))


@pytest.mark.parametrize("content", ["", "{", "NaN,"])
def test_an_artefact_that_is_no_json_stops_the_build_by_name(tmp_path, run, content):
    (tmp_path / "ledger.json").write_text(content)
    with pytest.raises(ValueError, match=r"ledger\.json: no JSON"):
        build(tmp_path / "site", Sources(run / "results", artefacts=(tmp_path,)))


def test_only_a_site_is_ever_replaced(tmp_path, run):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "thesis.txt").write_text("years of work")
    with pytest.raises(ValueError, match="no site"):
        build(tmp_path / "kept", Sources(store=run / "results"))
    assert (tmp_path / "kept" / "thesis.txt").read_text() == "years of work"
    build(tmp_path / "site", Sources(store=run / "results", run=run))
    build(tmp_path / "site", Sources(store=run / "results"))
    assert (tmp_path / "site" / MARK).is_file() and not (tmp_path / "site" / "images").exists()


def test_an_unfit_run_and_a_leak_are_marked_where_they_stand(site):
    assert cell(site, "zero-shot")["unfit"] and not cell(site, "grpo")["unfit"]
    assert "image" in cell(site, "grpo")["leaks"] and not cell(site, "zero-shot")["leaks"]
    assert "†" in (site / "table1.html").read_text(encoding="utf-8")
    assert "(unfit)" in (site / "method-zero-shot.html").read_text(encoding="utf-8")
    assert "12.0 % of the responses unparsed" in (site / "method-zero-shot.html").read_text(encoding="utf-8")


def test_what_the_store_cannot_show_is_named(tmp_path, run):
    store = tmp_path / "store"
    for result in load_results(run / "results"):
        if result.method == "zero-shot":
            save_result(store, result)
    build(tmp_path / "site", Sources(store=store))
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


def test_every_reason_of_the_extractor_and_every_method_is_explained():
    from typing import get_args

    from reports.names import TITLES

    assert set(REASONS) == set(get_args(Reason)) == set(samples.REASON_CODES)
    assert set(TITLES) <= set(METHODS)


LEDGER = Path(__file__).resolve().parents[2] / "results" / "audit" / "ledger.json"


def test_the_ledger_has_all_its_claims_in_one_table_and_its_reasons_below():
    page = document(LEDGER)
    sections = page.content["sections"]
    claims = json.loads((LEDGER).read_text())["claims"]
    assert [row.title for row in sections[0].table.blocks[0].rows] == [one["claim"] for one in claims]
    assert [section.title for section in sections[2:-1]] == [one["claim"] for one in claims]
    assert len(sections[-1].lines) >= 1, "what the comparisons allowed for comes last"
