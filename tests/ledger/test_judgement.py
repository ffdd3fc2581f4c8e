"""Verdict rules, statistics of curves, and what print alone says."""

from dataclasses import replace
from pathlib import Path

import pytest

from anatomy_r1.errors import AnatomyR1Error
from reports.audit.as_json import load
from reports.audit.audit import findings, load_paper, paper_checks, sizes
from reports.ledger import curves, printed
from reports.ledger.judgement import NONE, combined, of_comparison, of_interval

COMMITTED = Path(__file__).parents[2] / "results/audit"
C, N, X, U = "confirmed", "not confirmed", "contradicted", "underpowered"


@pytest.mark.parametrize(
    ("verdicts", "quantifier", "word"),
    [
        ([], "all", "none"),
        ([C, C], "all", C),
        ([C, N], "all", N),
        ([C, U, N], "all", U),
        ([C, C, X, U], "all", X),  # one opposite suffices against "all"
        ([C, C, X], "most", C),
        ([C, X], "most", N),  # half is not most
        ([X, X, C], "most", X),
    ],
)
def test_several_verdicts_come_to_one(verdicts, quantifier, word):
    assert combined(verdicts, quantifier) == word


@pytest.mark.parametrize(
    ("word", "verdict"),
    [("better", C), ("worse", X), ("no detectable difference", N), ("underpowered", U)],
)
def test_a_comparison_in_words(word, verdict):
    assert of_comparison(word) == verdict


@pytest.mark.parametrize(
    ("low", "high", "verdict"), [(0.1, 0.2, C), (-0.2, -0.1, X), (-0.1, 0.1, N), (0.0, 0.1, N), (None, None, N)]
)
def test_an_interval_against_nothing(low, high, verdict):
    assert of_interval(low, high) == verdict


HEAD = "claim,scale,statistic,value,low,high,null\n"


def test_statistics_of_curves(tmp_path):
    path = tmp_path / "curves.csv"
    path.write_text(f"{HEAD}fig5-rises,mini,late minus early reward,0.2,0.1,0.3,0\nfig5-rises,mini,less GRPO,0,-1,1,0\n")
    found = curves.load(path)
    assert curves.judged("fig5-rises", found, "mini").verdict == N  # one of two is shown
    assert curves.judged("fig5-rises", found[:1], "mini").verdict == C
    assert "0.200 [0.100, 0.300]" in curves.judged("fig5-rises", found[:1], "mini").why
    assert curves.judged("fig5-rises", found, "paper") == NONE
    assert curves.judged("fig5-stalls", found, "mini") == NONE


@pytest.mark.parametrize("line", ["a,mini,s,5,1,2,0", "a,other,s,1,1,2,0", "a,mini,s,x,1,2,0", "a,mini"])
def test_a_line_that_is_no_statistic_is_refused(tmp_path, line):
    path = tmp_path / "curves.csv"
    path.write_text(HEAD + line + "\n")
    with pytest.raises(AnatomyR1Error, match="no statistics of curves"):
        curves.load(path)


@pytest.fixture(scope="module")
def papers():
    paper = load_paper()
    found = {finding.id: finding for finding in findings(paper_checks(paper))}
    return paper, printed.Papers(paper.cells, {one.id: one for one in paper.figures}, found, sizes(paper.cells))


@pytest.mark.parametrize(
    ("claim", "verdict", "words"),
    [
        ("sft-s3", X, "38.55 where they have 34.10"),
        ("size-s3", printed.UNTESTABLE, "All 3 figures agree"),
        ("size-gain", X, "4 of 6"),
        ("ablation-each", U, "6 of 6 differences bear it out"),
        ("contribution-gdqa", printed.UNTESTABLE, "2 of 2"),
        ("table1-3b-gpg", printed.UNTESTABLE, "4 of 6 cells are not possible: 40.17, 76.91, 78.86, 78.43"),
        ("table2-grpo-gdqa-no-text", printed.UNTESTABLE, "1 of 3 cells are not possible: 46.21"),
        ("metric-avg5", X, "percent"),
        ("metric-pass1", N, "Pass@1"),
        ("setup-gpus", printed.UNTESTABLE, "Nothing"),
        ("fig6-liver", printed.UNTESTABLE, "Fig. 6 counts"),
    ],
)
def test_what_print_alone_says(papers, claim, verdict, words):
    paper, known = papers
    [one] = [one for one in paper.claims if one.id == claim]
    found = printed.judged(one, known)
    assert found.verdict == verdict
    assert words in found.why


def test_a_figure_corrected_in_print_is_no_longer_contradicted(papers):
    paper, known = papers
    [one] = [one for one in paper.claims if one.id == "sft-s4"]
    right = {
        **known.figures,
        "sft-5": replace(known.figures["sft-5"], hundredths=7797),
        "sft-6": replace(known.figures["sft-6"], hundredths=8277),
    }
    assert printed.judged(one, replace(known, figures=right)).verdict == printed.UNTESTABLE


def test_evidence_that_is_named_exists(papers):
    """Every finding that a claim names is one that some check can make: of the paper, or of the released files."""
    paper, _ = papers
    known = {finding.id for finding in findings(load(COMMITTED / "audit.json"))}
    named = {id_ for claim in paper.claims if claim.kind != "quoted" for id_ in claim.evidence}
    assert named - known == set()
