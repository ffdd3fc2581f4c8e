"""One page per method: description, scores by anatomy, cost, training settings, and overlap with the test set.

A method that `METHODS` does not describe has a page without description.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from anatomy_r1.evaluation.views import split_row
from anatomy_r1.provenance import stated
from anatomy_r1.results.store import MATCHED, Result
from anatomy_r1.scoring.question_table import LENIENT
from anatomy_r1.tables.table import MISSING, Block, Cell, Column, Document, Row, Table
from reports.scores.cost import Cost
from reports.scores.names import METRICS, benchmark_title, method_title, model_title
from reports.scores.notes import certificate_notes, marked, marks, method_notes, notes, unfit_notes
from reports.scores.paper import PaperNumbers
from reports.scores.scores import ALL, AVG, Score, ScoreKey, SystemKey, parsed_lenient, several_bases, system_of
from reports.site.evidence import method_file, row_name
from reports.site.page import RESULTS, SitePage, again, facts, slug
from reports.tables.further import cost_report
from reports.tables.rows import in_order, score_cell


class About(NamedTuple):
    """Description of a method."""

    text: str
    source: str
    """Paper or section."""


ANATOMY_R1 = "Anatomy-R1, arXiv:2512.19512"
METHODS: dict[str, About] = {
    "zero-shot": About("The base model as it is, asked to think before it answers.", f"{ANATOMY_R1}, Table 1"),
    "sft": About(
        "Supervised fine-tuning on the answer's letter alone; it is asked for the answer alone.",
        f"{ANATOMY_R1}, Table 1",
    ),
    "cot-sft": About(
        "Supervised fine-tuning on a rationale and then the answer. The paper names no source of rationales; ours are "
        "made by rule.",
        "Wei et al. 2023, arXiv:2201.11903",
    ),
    "sft-grpo": About(
        "GRPO from SFT's checkpoint: imitation of answers first, then reinforcement.", f"{ANATOMY_R1}, Table 1"
    ),
    "cot-sft-grpo": About(
        "GRPO from CoT-SFT's checkpoint: imitation of rationales first, then reinforcement.", f"{ANATOMY_R1}, Table 1"
    ),
    "grpo": About(
        "Group relative policy optimisation: several responses to a question, each rewarded for its form and for the "
        "right answer; the advantage is the reward's distance from the group's mean in standard deviations. A group in "
        "which all rewards are equal teaches nothing.",
        "Shao et al. 2024, arXiv:2402.03300",
    ),
    "gpg": About(
        "Plain policy gradient over groups: the reward minus the group's mean, scaled up by the share of groups that "
        "teach nothing; no clipping, no KL term, no deviation.",
        "Chu et al. 2025, arXiv:2504.02546",
    ),
    "dapo": About(
        "Token-level loss, a wider upper clip, no KL term, and dynamic sampling: groups that are all right or all "
        "wrong are replaced by draws of other questions. Discarded draws count in its bill.",
        "Yu et al. 2025, arXiv:2503.14476",
    ),
    "grpo-asc": About(
        "GRPO on a curriculum: the options served grow more and more like the right answer (S(q) of eq. 4), level by "
        "level, as accuracy allows.",
        f"{ANATOMY_R1}, ASC-Learning, eq. 3 and 4",
    ),
    "grpo-gdqa": About(
        "GRPO in which each member of a group sees the question in its own words and the image with its own noise. "
        "Evaluation is never augmented.",
        f"{ANATOMY_R1}, GDQA",
    ),
    "grpo-gdqa-no-text": About("GRPO-GDQA without rewritten questions.", f"{ANATOMY_R1}, Table 2"),
    "grpo-gdqa-no-image": About("GRPO-GDQA without noise on images.", f"{ANATOMY_R1}, Table 2"),
    "grpo-asc-gdqa": About("ASC-Learning's levels and GDQA's rewrites and noise together.", "ours, beyond the paper"),
    "grpo-asc-shuffled": About(
        "A placebo: ASC-Learning with similarities shuffled among options, so that its levels order nothing.", "ours"
    ),
    "grpo-asc-pool": About("A control: ASC-Learning's choice of options without levels.", "ours"),
    "grpo-asc-released": About(
        "ASC-Learning that re-orders questions and leaves their options, as the released file suggests.", "ours"
    ),
    "dr-grpo": About(
        "GRPO without its two biases: no division by a completion's length, none by the deviation of a group's "
        "rewards; no KL term.",
        "Liu et al. 2025, arXiv:2503.20783",
    ),
    "gspo": About(
        "The importance ratio and its clip are of the whole completion. With one update per rollout, as here, that "
        "ratio is 1: what remains is GRPO without the KL term.",
        "Zheng et al. 2025, arXiv:2507.18071",
    ),
    "papo": About(
        "GRPO with a further term: the policy should say something else when most patches of the image are black. A "
        "second term keeps both answers from becoming random.",
        "Wang et al. 2025, arXiv:2507.06448",
    ),
    "grpo-overlong": About(
        "GRPO with DAPO's penalty for overlong completions, and nothing else of DAPO.",
        "Yu et al. 2025, arXiv:2503.14476, section 3.4",
    ),
    "grpo-again": About("A known answer: GRPO under other seeds, which should not differ.", "docs/calibration.md"),
    "grpo-gdqa-off": About("A known answer: GDQA without its two parts, which is GRPO.", "docs/calibration.md"),
    "grpo-flipped": About(
        "A known answer: GRPO with a tenth of its accuracy rewards flipped, which should be worse.",
        "docs/calibration.md",
    ),
    "grpo-twice": About("A known answer: GRPO with twice the steps, which should not be worse.", "docs/calibration.md"),
    "control-majority": About(
        "A control without model and image: the option that is right most often in training.", "docs/controls.md"
    ),
    "control-naive-bayes": About(
        "A control without model and image: naive Bayes over the words of the question.", "docs/controls.md"
    ),
}
_SHOWN = {
    **METRICS,
    "greedy": "Greedy",
    LENIENT: "Avg@5, lenient extractor",
    "parsed": "Parsed",
    "truncated": "Cut off",
}
_COLUMNS = ("percent", "paper", "clusters", "questions")
_RUNS, _SEEDS = ("runs", "run SD"), ("seeds", "seed SD")
"""Further columns: where there are several bases, a run is one under one seed."""
_WIDTH = len(_COLUMNS) + len(_SEEDS)


def method_page(
    method: str,
    results: Sequence[Result],
    found: Mapping[ScoreKey, Score],
    spent: Mapping[SystemKey, Cost],
    numbers: PaperNumbers,
) -> SitePage:
    """The page of one method from its results, all scores of the store and all costs."""
    mine = {key: score for key, score in found.items() if key[0].method == method}
    said = (*method_notes(mine.values()), *certificate_notes(results), *notes(results, mine.values(), 1))
    title = method_title(method, MATCHED)
    shown = dict.fromkeys(
        (one.benchmark, one.model, row_name(method, one.arm)) for one in sorted(results, key=in_order)
    )
    content = {
        "systems": [(f"{benchmark_title(of[0])}, {model_title(of[1], paper_beside=False)}", of) for of in shown],
        "about": METHODS.get(split_row(method)[0], About("No description is kept of this method here.", "")),
        "report": Document("Scores", "", tuple(_score_tables(results, mine, numbers)), said),
        "cost": cost_report(results, mine, spent),
        "unfit": unfit_notes(results),
        "leakage": leakage_rows(results),
        "knobs": knob_rows(results),
    }
    file, made_from = method_file(method), (facts(results), again(results))
    scripts = ("tables.js", "sort.js")
    return SitePage(file, title, "method.html.j2", content, scripts, *made_from, section=RESULTS, listed=False)


def _score_tables(results: Sequence[Result], mine: Mapping[ScoreKey, Score], numbers: PaperNumbers) -> list[Table]:
    flagged, lenient = marks(results), parsed_lenient(results)
    found: dict[str, list[Block]] = {}
    for system in dict.fromkeys(system_of(result) for result in sorted(results, key=in_order)):
        title = f"{model_title(system.model, paper_beside=False)}, {method_title(system.method, system.arm)}"
        found.setdefault(system.benchmark, []).append(
            Block(marked(title, [system], flagged), _rows(mine, numbers, system, lenient[system]))
        )
    titles = (*_COLUMNS, *(_RUNS if several_bases(mine.values()) else _SEEDS))
    columns = tuple(Column(title, "", title == "paper") for title in titles)
    return [
        Table(f"scores-{slug(name)}", benchmark_title(name), "Metric", columns, tuple(blocks))
        for name, blocks in found.items()
    ]


def _rows(
    mine: Mapping[ScoreKey, Score], numbers: PaperNumbers, system: SystemKey, lenient: float | None
) -> tuple[Row, ...]:
    metrics = [(title, mine.get((system, metric, ALL))) for metric, title in _SHOWN.items()]
    categories = sorted(category for of, metric, category in mine if of == system and metric == AVG and category)
    by_category = [(f"Avg@5: {category}", mine[system, AVG, category]) for category in categories]
    rows = [Row(title, _cells(score, numbers)) for title, score in (*metrics, *by_category) if score]
    if lenient is not None:
        after = 1 + next(place for place, row in enumerate(rows) if row.title == _SHOWN["parsed"])
        rows.insert(after, Row("Parsed, lenient extractor", (Cell(f"{lenient:.2f}"), *[Cell()] * (_WIDTH - 1))))
    return tuple(rows)


def _cells(score: Score, numbers: PaperNumbers) -> tuple[Cell, ...]:
    theirs = numbers.of_score(score, 1)
    return (
        score_cell(score),
        Cell(MISSING if theirs is None else f"{theirs:.2f}"),
        Cell(str(score.clusters)),
        Cell(str(score.questions)),
        Cell(str(score.seeds)),
        Cell(MISSING if score.seed_sd is None else f"{score.seed_sd:.2f}"),
    )


def leakage_rows(results: Sequence[Result]) -> list[tuple[str, str, str, str]]:
    """(benchmark, kind of overlap, test questions concerned, "not clean" where it is), without repeats."""
    found: dict[tuple[str, str, str, str], None] = {}
    for result in sorted(results, key=lambda one: one.key):
        stated = result.provenance.get("leakage")
        passport: Mapping[str, Any] = stated if isinstance(stated, Mapping) else {}
        for kind, overlap in sorted(passport.get("overlaps", {}).items()):
            unclean = "not clean" if kind in passport.get("not_clean", ()) else ""
            count = f"{overlap.get('test_questions', MISSING)} of {passport.get('test', {}).get('questions', MISSING)}"
            found[benchmark_title(result.benchmark), kind.replace("_", " "), count, unclean] = None
    return list(found)


def knob_rows(results: Sequence[Result]) -> list[tuple[str, str]]:
    """(setting, values): every argument of training, start and trainer, over all seeds and benchmarks."""
    found: dict[str, set[str]] = {}
    for result in results:
        plan = stated(result.provenance, "training", "plan")
        start = {"starts from": stated(plan, "parent", "cell")}
        for name, value in {**_mapping(plan, "method"), **start, **_mapping(plan, "arguments")}.items():
            found.setdefault(name, set()).add(_plain(value))
    return [(name, ", ".join(sorted(values))) for name, values in sorted(found.items())]


def _mapping(record: Any, name: str) -> Mapping[str, Any]:
    found = stated(record, name)
    return found if isinstance(found, Mapping) else {}


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)
