"""The report: every number with its interval, clusters and provenance; hostile text is escaped."""

import json
import re
from dataclasses import replace
from html import escape

import numpy as np
import pytest

from anatomy_r1.cli import compare as compare_cli
from anatomy_r1.cli.main import main
from anatomy_r1.comparison.compare import Analysis, MethodTest, undeclared_family
from anatomy_r1.comparison.family import METRICS
from anatomy_r1.comparison.headlines import headlines
from anatomy_r1.comparison.panel import KINDS
from anatomy_r1.comparison.report import as_json, document
from anatomy_r1.comparison.retraining import RetrainingInterval
from anatomy_r1.results.store import save_result
from anatomy_r1.tables import html, markdown, text
from tests.helpers.worlds import analysis, answers, result, table, unequal

EVIL = "<script>alert(1)</script>|[x](javascript:y)\x1b[2J"


def pair(clusters=7, shift=0.1, n=140):
    rng = np.random.default_rng(0)
    labels = unequal(rng, clusters, n)
    return [result(m, table(answers(rng, labels, by), labels)) for m, by in (("base", 0.0), ("new", shift))]


def named(report, name):
    return next(table for table in report.tables if table.name == name)


def test_a_brief_report_prints_verdicts_warnings_and_notes_and_writes_everything(tmp_path, capsys):
    for one in pair():
        save_result(tmp_path / "store", replace(one, benchmark="sgg_anatomy_mini"))
    file = tmp_path / "whole.txt"
    assert main(["compare", str(tmp_path / "store"), "--brief", "--out", str(file)]) == 0
    brief, whole = capsys.readouterr().out, file.read_text()
    assert brief.count("\nSystem ") == 1 < whole.count("\nSystem ")
    for said in (
        "avg@5, points",
        "p (Holm)",
        "say nothing about real models",
        "Verdict (our rule)",
        "For these weights only",
    ):
        assert said in brief and said in whole
    assert main(["compare", str(tmp_path / "store")]) == 0
    assert capsys.readouterr().out == whole


def test_a_verdict_is_shown_with_the_numbers_it_rests_on():
    shown = analysis(*pair())
    (block,) = named(document(shown), "verdicts").blocks
    titles = [column.title for column in named(document(shown), "verdicts").columns]
    cells = dict(zip(titles, block.rows[0].cells, strict=True))
    one = shown.comparisons[0]
    interval = one.difference("avg@5").interval
    assert cells["difference"].text == f"{100 * interval.mean:+.2f}"
    assert cells["difference"].aside == f"[{100 * interval.low:+.2f}, {100 * interval.high:+.2f}]"
    assert cells["clusters"].text == "7"
    assert cells["smallest p (Holm)"].text == "0.0156"
    assert cells["MDD"].text == f"{100 * one.difference('avg@5').detectable:.2f}"
    assert cells["verdict"].text == one.test.verdict


def test_every_number_has_its_origin():
    origins = named(document(analysis(*pair())), "origins")
    row = dict(zip([column.title for column in origins.columns], origins.blocks[0].rows[0].cells, strict=True))
    assert (row["commit"].text, row["data"].text, row["seeds"].text) == ("c0ffee0c0f", "data", "0")
    assert row["arm"].text == "matched"


def test_scores_are_shown_with_the_share_of_parsed_responses():
    first, second = pair()
    second.questions.loc[:13, "parsed"] = 0
    scores = named(document(analysis(first, second)), "scores")
    at = [column.title for column in scores.columns].index("parsed")
    assert [row.cells[at].text for row in scores.blocks[0].rows] == ["100.00", "90.00"]


def test_few_clusters_give_a_warning_and_many_do_not():
    warned = ["Fewer than 20 clusters" in " ".join(document(analysis(*pair(clusters=g))).notes) for g in (7, 20)]
    assert warned == [True, False]


def test_a_hostile_name_in_an_error_does_not_control_the_terminal(tmp_path, capsys):
    first, second = pair()
    for one in (first, result("new\x1b[2J", second.questions, style="direct")):
        save_result(tmp_path, one)
    assert main(["compare", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert "prompts differ" in error
    assert "\x1b" not in error


def test_a_name_that_is_not_valid_unicode_is_printed_in_every_format(tmp_path, capsys):
    *_, path = [save_result(tmp_path / "store", one) for one in pair()]
    path.write_text(path.read_text().replace('"method": "new"', '"method": "new\\udc80"'))
    files = [word for end in ("md", "html", "json", "txt") for word in ("--out", str(tmp_path / f"c.{end}"))]
    assert main(["compare", str(tmp_path / "store"), "--format", "html", *files]) == 0
    assert "mini-l/new?/matched" in capsys.readouterr().out
    assert "mini-l/new?/matched" in (tmp_path / "c.html").read_text()


def test_missing_provenance_is_shown_as_not_recorded():
    bare = [result(one.method, one.questions, commit="", data=None, sampling=None) for one in pair()]
    row = named(document(analysis(*bare)), "origins").blocks[0].rows[0]
    assert [cell.text for cell in row.cells].count("not recorded") == 3


def test_flips_are_truncated_in_tables_and_complete_in_json():
    shown = analysis(*pair())
    flips = shown.comparisons[0].flips
    notes = " ".join(named(document(shown, named=2), "flips").notes)
    assert f"and {len(flips.gained) - 2} more" in notes
    assert flips.gained[1].id in notes and flips.gained[2].id not in notes
    listed = json.loads(as_json(shown))["comparisons"][0]["flips"]
    assert [one["id"] for one in listed["gained"]] == [flip.id for flip in flips.gained]
    assert named(document(shown, named=0), "flips").notes == ()


@pytest.mark.parametrize("field", ["method", "arm", "id", "category", "cluster", "commit", "style"])
def test_hostile_text_from_a_store_is_escaped_everywhere(field):
    first, second = pair()
    if field in ("id", "category", "cluster"):
        for one in (first, second):
            one.questions[field] = one.questions[field] + EVIL
        cells = [first, second]
    elif field == "commit":
        cells = [result(one.method, one.questions, commit=EVIL) for one in (first, second)]
    else:
        cells = [
            result(**{"method": f"m{i}", "questions": one.questions, field: f"{EVIL}{i if field == 'method' else ''}"})
            for i, one in enumerate((first, second))
        ]
    report = document(analysis(*cells))
    page = html.render(report)
    assert "<script>alert" not in page
    assert 'href="javascript' not in page
    shown = markdown.render(report)
    assert "<script>" not in shown
    assert re.search(r"(?<!\\)\]\(javascript", shown) is None
    assert "\x1b" not in shown
    assert "\x1b" not in text.render(report)
    rows = [line for line in shown.splitlines() if line.startswith("|")]
    assert all(not line.endswith("\\|") for line in rows)


def test_json_is_valid_and_complete_and_has_no_nan():
    shown = analysis(*pair(clusters=1, n=12))
    found = json.loads(as_json(shown), parse_constant=pytest.fail)
    (one,) = found["comparisons"]
    assert one["differences"][0]["interval"]["low"] is None
    assert one["test"]["verdict"] == "underpowered"
    assert {score["metric"] for score in found["scores"]} == {*METRICS, "parsed", "truncated"}
    assert "[no interval]" in text.render(document(shown))


def test_the_same_input_gives_the_same_bytes():
    pages = {html.render(document(analysis(*pair(clusters=40, n=200)))) for _ in range(2)}
    assert len(pages) == 1


def test_a_declared_family_is_shown_with_what_git_knows(tmp_path, capsys):
    for one in pair(clusters=20, n=200):
        save_result(tmp_path / "store", one)
    family = tmp_path / "family.yaml"
    names = [f"sgg_anatomy_mini/mini-l/{m}/matched" for m in ("base", "new", "absent")]
    family.write_text(
        "name: f\ndeclared: 2026-11-01\nmetric: greedy\nlevel: 0.05\nsmallest_difference: 5\n"
        f"comparisons:\n  - [{names[0]}, {names[1]}]\n  - [{names[0]}, {names[2]}]\n"
    )
    arguments = [str(tmp_path / "store" / "sgg_anatomy_mini" / "mini-l" / m) for m in ("base", "new")]
    assert main(["compare", *arguments, "--family", str(family)]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "Differences in greedy, and verdicts" in printed
    assert "f (2 comparisons), family.yaml, SHA-256" in printed
    assert "Whether it was declared before the runs is not known" in printed
    assert "1 of them not made here, each counted with p = 1" in printed


def test_the_commands_choices_are_those_of_the_code():
    """Repeated in the command so that --help imports nothing heavy."""
    assert compare_cli.KINDS == KINDS
    assert compare_cli.METRICS == METRICS


def test_means_over_rotations_are_compared_as_shares():
    """A question may be right under a part of its rotations: its share is compared."""
    rng = np.random.default_rng(0)
    labels = unequal(rng, 8, 80)
    turned = table(answers(rng, labels), labels)
    turned = turned.assign(major=turned["major"] * 0.75, greedy=turned["greedy"] * 1.0)
    shown = analysis(result("a", table(answers(rng, labels), labels)), result("a@rotations", turned))
    (found,) = shown.comparisons
    assert found.difference("major@5").interval.se > 0
    assert "a@rotations" in text.render(document(shown))


def test_html_says_the_verdict_first_and_folds_the_tables():
    shown = analysis(*pair(clusters=20, n=400, shift=0.3))
    (headline,), page = document(shown).headlines, html.render(document(shown))
    interval = shown.comparisons[0].difference("avg@5").interval
    assert headline.inner == (100 * interval.low, 100 * interval.high) and headline.outer is None, "one seed"
    assert headline.sentence.startswith(
        f"is better: {100 * interval.mean:+.2f} [{100 * interval.low:+.2f}, {100 * interval.high:+.2f}] points, p "
    )
    assert "For these weights only" in headline.sentence
    assert page.index(escape(headline.sentence)) < page.index('<svg class="bars"') < page.index("<table>")
    assert page.count("<details><summary>") == len(document(shown).tables) + 1, "and how to read them"


ALONE = "Alone, this comparison would be significant (p 0.0156), and its interval excludes zero"


def everywhere_better(methods):
    """A baseline, and methods that answer more questions in each of seven videos."""
    labels = np.repeat(np.arange(7), 40)
    base = np.random.default_rng(1).random((len(labels), 5)) < 0.5
    gained = base.copy()
    gained[np.arange(len(labels)) % 40 < 8 + labels % 3] = True
    methods = [result(f"m{index}", table(gained, labels)) for index in range(methods)]
    return [result("base", table(base, labels)), *methods]


def test_an_interval_that_excludes_zero_beside_no_difference_says_what_was_allowed_for():
    """With seven videos, the smallest p is 1/64: enough for one comparison and not for five of them."""
    (one,) = analysis(*everywhere_better(1)).comparisons
    assert one.test.verdict == "better" and one.difference("avg@5").interval.low > 0
    (alone,) = document(analysis(*everywhere_better(1))).headlines
    assert alone.decided and "Holm" not in alone.sentence and "Alone" not in alone.sentence
    shown = analysis(*everywhere_better(5))
    for headline in document(shown).headlines:
        assert headline.inner[0] > 0
        assert not headline.decided
        assert "p 0.0781 (Holm, 5 comparisons)" in headline.sentence
        assert ALONE in headline.sentence
        assert "the verdict allows for all 5 comparisons, the interval does not" in headline.sentence
    page = html.render(document(shown))
    assert page.count('<circle class="dot open"') == 5 + 1, "and its key"
    assert "Each interval is of one comparison alone" in page


def test_the_interval_for_another_training_says_that_it_is_of_one_comparison_alone():
    one = analysis(*everywhere_better(1)).comparisons[0]
    wide = RetrainingInterval(0.1, 0.01, 0.19, 0.04, 6.0)
    test = replace(one.test, of_these_weights=True, method=MethodTest(0.09, 0.1, "underpowered"))
    family = undeclared_family(analysis(*everywhere_better(3)).panels, "avg@5")
    shown = Analysis((), (replace(one, retrained=wide, test=test),), (), family, None, "")
    (headline,) = headlines(shown)
    assert headline.sentence.endswith(
        "For these weights only: the interval for another training, alone, excludes zero as well, but allowing for all "
        "3 comparisons, that is not enough (p 0.0900)."
    )
    found = replace(test, method=MethodTest(0.01, 0.1, "better"))
    (sure,) = headlines(replace(shown, comparisons=(replace(one, retrained=wide, test=found),)))
    assert sure.sentence.endswith("The interval for another training excludes zero as well.")
