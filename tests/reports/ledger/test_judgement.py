"""Verdict rules, statistics of curves, and what print alone says."""

from dataclasses import replace
from pathlib import Path

import pytest

from anatomy_r1.errors import AnatomyR1Error
from reports.audit.audit import paper_checks, sizes
from reports.audit.paper import load_paper
from reports.audit.report import findings, load
from reports.ledger import measured
from reports.ledger.judgement import NONE, UNTESTABLE, PaperEvidence, combined, judged, of_comparison, of_interval

COMMITTED = Path(__file__).parents[3] / "results/audit"
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
    assert of_comparison(word, of_these_weights=True) == U


@pytest.mark.parametrize(
    ("low", "high", "verdict"), [(0.1, 0.2, C), (-0.2, -0.1, X), (-0.1, 0.1, N), (0.0, 0.1, N), (None, None, N)]
)
def test_an_interval_against_nothing(low, high, verdict):
    assert of_interval(low, high) == verdict


HEAD = "figure,statement,benchmark,model,paper,quantity,estimate,low,high,seeds,verdict\n"
RISES = '5,asc-rises,sgg_anatomy_mini,mini-l,words,"late, less early",0.2,0.1,0.3,5,"as in the paper, in direction"\n'
REWARD = "5,reward,sgg_anatomy_mini,mini-l,words,ASC less GRPO,0,-1,1,5,not resolved\n"
OTHERS = "".join(
    f"5,reward,{of},words,x,0,-1,1,5,contradicts the paper\n"
    for of in ("omnimed_mi_mini,mini-l", "sgg_anatomy_mini,mini-s")
)


def of_curves(tmp_path, content, claim="fig5-rises", scale="mini"):
    path = tmp_path / "figure_statements.csv"
    path.write_text(HEAD + content)
    [one] = [one for one in load_paper().claims if one.id == claim]
    return measured.judged_by_curves(one, measured.load_curves(path), scale)


def test_statements_about_curves(tmp_path):
    found = of_curves(tmp_path, RISES)
    assert (found.verdict, "+0.200 [+0.100, +0.300]" in found.why) == (C, True)
    assert of_curves(tmp_path, RISES + REWARD).verdict == N  # one of two is shown
    assert of_curves(tmp_path, RISES + OTHERS).verdict == C  # Fig. 5 is of the 7B model on the surgical questions
    assert of_curves(tmp_path, RISES, scale="paper") == NONE
    assert of_curves(tmp_path, RISES, claim="fig5-stalls") == NONE
    assert of_curves(tmp_path, RISES.replace('"as in the paper, in direction"', "no claim")) == NONE


def test_what_curves_are_over_and_where_there_are_none_is_said(tmp_path):
    line = '2,uniform,sgg_anatomy_mini,mini-l,words,share,0.5,0.4,0.6,9,"as in the paper, in direction"\n'
    found = of_curves(tmp_path, line, claim="method-vanish")
    assert "over bases where there are several, else over seeds" in found.why
    assert found.why.endswith("Not run: mini-s, SGG-VQA (Anatomy), mini world.")


@pytest.mark.parametrize(
    "line",
    [
        RISES.replace("as in the paper", "perhaps"),  # a verdict of another kind
        RISES.replace("0.2", "high"),  # no number
        "5,asc-rises\n",  # cut off
    ],
)
def test_a_line_that_is_no_statement_is_refused(tmp_path, line):
    with pytest.raises(AnatomyR1Error, match="no statements of figures"):
        of_curves(tmp_path, line)


@pytest.fixture(scope="module")
def papers():
    paper = load_paper()
    found = {finding.id: finding for finding in findings(paper_checks(paper))}
    return paper, PaperEvidence(paper.cells, {one.id: one for one in paper.figures}, found, sizes(paper.cells))


@pytest.mark.parametrize(
    ("claim", "verdict", "words"),
    [
        ("sft-s3", X, "38.55 where the tables have 34.10"),
        ("size-s3", UNTESTABLE, "All 3 figures agree"),
        ("size-gain", X, "4 of 6"),
        ("ablation-each", U, "6 of 6 differences support it"),
        ("contribution-gdqa", UNTESTABLE, "2 of 2"),
        ("table1-3b-gpg", UNTESTABLE, "4 of 6 cells are not possible: 40.17, 76.91, 78.86, 78.43"),
        ("table2-grpo-gdqa-no-text", UNTESTABLE, "1 of 3 cells are not possible: 46.21"),
        ("metric-avg5", X, "percent"),
        ("metric-pass1", N, "Pass@1"),
        ("setup-gpus", UNTESTABLE, "Nothing"),
        ("fig6-liver", UNTESTABLE, "Fig. 6 counts"),
    ],
)
def test_what_print_alone_says(papers, claim, verdict, words):
    paper, known = papers
    [one] = [one for one in paper.claims if one.id == claim]
    found = judged(one, known)
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
    assert judged(one, replace(known, figures=right)).verdict == UNTESTABLE


def test_evidence_that_is_named_exists(papers):
    """Every finding that a claim names is one that some check can make: of the paper, or of the released files."""
    paper, _ = papers
    known = {finding.id for finding in findings(load(COMMITTED / "audit.json"))}
    named = {id_ for claim in paper.claims if claim.kind != "quoted" for id_ in claim.evidence}
    assert named - known == set()
