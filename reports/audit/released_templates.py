"""Template families and surface forms of the questions, and wordings of the prompts, file by file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from scipy.stats import chi2_contingency

from anatomy_r1.data.stems import FAMILIES, parse_stem
from reports.audit.finding import Check, Finding, of_p
from reports.audit.released import Released
from reports.formats.page import Grid

KINDS = tuple(f"{family}, {form}" for family in (*FAMILIES, "other") for form in ("what", "there"))
"""Family and surface form: a plain question, or "There is ...; what is it?"."""


def kinds(file: Released) -> Counter[str]:
    """Questions by family and form."""
    stems = (parse_stem(question.stem) for question in file.questions)
    return Counter(f"{stem.family}, {stem.form}" for stem in stems)


def check(files: Sequence[Released]) -> Check:
    """Do the methods' files ask the same kinds of questions?"""
    counts = {file.name: kinds(file) for file in files}
    shown = [kind for kind in KINDS if any(of[kind] for of in counts.values())]
    table = [[of[kind] for kind in shown] for of in counts.values()]
    test = chi2_contingency(table) if len(table) > 1 and len(shown) > 1 else None
    p, statistic = (float(test.pvalue), float(test.statistic)) if test else (1.0, 0.0)
    strength = of_p(p)
    rows = tuple((kind, *(str(of[kind]) for of in counts.values())) for kind in shown)
    finding = Finding(
        id="released-templates.differ",
        title="The methods' files ask different kinds of questions",
        test="Chi-square test of template family and surface form by file.",
        figure=f"chi-square {statistic:.0f}, p = {p:.1e}. {_alone(counts)}",
        strength=strength or "suggestive",
        limits="Whether the test questions have these forms as well. Other forms may be part of the method, where it "
        "rewrites questions; then the two cannot be told apart by these files.",
        question="Are the added forms the method's rewrites, and were the other methods given them too?",
    )
    return Check(
        id="released-templates",
        title="Released files: template families and surface forms",
        looked_at=f"{sum(len(file.records) for file in files):,} questions, by family and form",
        findings=(finding,) if strength else (),
        grids=(Grid("Questions by family and form", ("family, form", *counts), rows),),
    )


def _alone(counts: dict[str, Counter[str]]) -> str:
    """How many questions of each file have a form that no other file has."""
    told = []
    for name, of in counts.items():
        others = {kind for other, found in counts.items() if other != name for kind in found}
        if alone := sum(count for kind, count in of.items() if kind not in others):
            told.append(f"{alone} of {of.total():,} questions of {name} have a form that no other file has.")
    return " ".join(told) or "Every form occurs in several files."


def check_prompts(files: Sequence[Released]) -> Check:
    """Is every file worded alike?"""
    wordings = {file.name: Counter(record.wording for record in file.records) for file in files}
    rows = tuple(
        (name, ", ".join(f"{key} {count:,}" for key, count in sorted(of.items()))) for name, of in wordings.items()
    )
    apart = len({frozenset(of) for of in wordings.values()}) > 1
    finding = Finding(
        id="released-prompts.differ",
        title="The methods' prompts differ",
        test="Each prompt rebuilt from the wordings that the release has (anatomy_r1/prompts.py), by file.",
        figure="; ".join(f"{name}: {text}" for name, text in rows) + ". (choice: asks for the letter; answer: for the "
        "answer; mixed: for the letter in the instruction, for the answer in the form.)",
        strength="counted",
        limits="How much of a gain is the prompt's: a prompt and a reward that fit together may do much or nothing.",
        question="Were the methods of Table 1 trained with these different prompts, and tested with one?",
    )
    return Check(
        id="released-prompts",
        title="Released files: wording of the prompts",
        looked_at=f"{len(files)} files",
        findings=(finding,) if apart else (),
        grids=(Grid("Wordings", ("file", "wording and records"), rows),),
    )
