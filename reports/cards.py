"""Model and data cards, as Markdown, from the result store alone: the same results give the same words.

A model card is about one method on one benchmark and model with all its seeds; a data card about one benchmark.
Sections follow Mitchell et al., "Model Cards for Model Reporting" (2019), as far as a store can fill them.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from anatomy_r1.results.store import Result, load_results
from anatomy_r1.tables.markdown import escape
from reports import card_facts
from reports.card_facts import agreed, listed, overlap_lines, reproduce_command, steps_and_tokens
from reports.scores.cost import costs
from reports.scores.fitness import reasons
from reports.scores.names import (
    BENCHMARKS,
    CONTROLS,
    METRICS,
    MINI,
    benchmark_title,
    is_mini,
    method_title,
    model_title,
)
from reports.scores.notes import MINI_MEANS, USE, commits
from reports.scores.scores import ALL, AVG, Group, Score, group_of, scores
from reports.tables.accuracy import bounds

LIMITS = (
    "Trained and tested on multiple-choice questions of one benchmark; says nothing about free questions.",
    "Intervals are over videos, slides, patients or images, given these trainings; the spread over seeds is beside.",
    "What the base model saw before is not known unless it was made here.",
)
Files = dict[str, str]


def card_files(store: Path) -> Files:
    """File name -> card, for each trained policy and each benchmark of a store.

    Raises:
        AnatomyR1Error: when the results do not belong together.
        ValueError: when the store is empty or a result is not whole.
    """
    results = load_results(store)
    if not results:
        raise ValueError("no results. Run `tox -e reproduce-table1` first")
    return cards(results)


def cards(results: Sequence[Result]) -> Files:
    """File name -> card; pure."""
    ordered = sorted(results, key=lambda result: result.key)
    found = {(score.group, score.metric): score for score in scores(ordered) if score.category == ALL}
    files: Files = {}
    for group, seeds in groupby(ordered, key=group_of):
        of_group = list(seeds)
        if of_group[0].provenance.get("training") is not None:
            name = f"model-{group.benchmark}-{group.model}-{group.method}-{group.arm}.md"
            files[name] = model_card(of_group, found, steps_and_tokens(costs(ordered)[group]))
    for benchmark in sorted({result.benchmark for result in ordered}):
        of_benchmark = [result for result in ordered if result.benchmark == benchmark]
        files[f"data-{benchmark}.md"] = data_card(of_benchmark, found)
    return files


Scores = dict[tuple[Group, str], Score]


def model_card(seeds: Sequence[Result], found: Scores, cost: str) -> str:
    """One group's card; `seeds` are all its results."""
    group, first = group_of(seeds[0]), seeds[0]
    titles = (method_title(group.method, group.arm), model_title(group.model, False), benchmark_title(group.benchmark))
    rows = [_score_row(title, found[group, metric]) for metric, title in {**METRICS, "greedy": "greedy"}.items()]
    return _card(
        f"Model card: {', '.join(titles)}",
        is_mini(group.benchmark),
        {
            "What it is": listed(agreed(seeds, card_facts.plan)),
            "Intended use": f"{USE} To repeat and examine the paper's experiment; for nothing else.",
            "Training": f"{listed(agreed(seeds, card_facts.arguments))}\n\n{escape(cost)}",
            "Scores": "\n".join([_HEAD, *rows]),
            "What training and test share": overlap_lines(first),
            "Fitness": listed({"speaks against the numbers": _unfit(seeds)}),
            "Limits": "\n".join(f"- {escape(line)}" for line in LIMITS),
            "Provenance": listed({**agreed(seeds, card_facts.made_from), "scored at": ", ".join(commits(seeds))}),
            "To make it again": f"```sh\n{reproduce_command(seeds)}\n```",
        },
    )


def data_card(results: Sequence[Result], found: Scores) -> str:
    """One benchmark's card, from all results on it."""
    first, benchmark = results[0], results[0].benchmark
    sizes = first.questions.groupby("category").size()
    controls = {
        f"{title}, {group.model}": f"{found[group, AVG].shown()} {bounds(found[group, AVG], 2)}"
        for group in sorted({group_of(one) for one in results}, key=str)
        if (title := CONTROLS.get(group.method))
    }
    trained = next((one for one in results if one.provenance.get("training") is not None), first)
    return _card(
        f"Data card: {benchmark_title(benchmark)}",
        is_mini(benchmark),
        {
            "What it is": listed(card_facts.data(trained)),
            "Intended use": f"{USE} Licences and terms: DATA_LICENSES.md.",
            "Test questions": listed(
                {"all": f"{len(first.questions)} in {first.questions['cluster'].nunique()} clusters"}
                | {str(name): str(size) for name, size in sizes.items()}
            ),
            "What training and test share": overlap_lines(trained),
            "What the wording alone gives away": listed(controls) if controls else "The controls were not run.",
            "Limits": _OF_THE_PAPER if benchmark.removesuffix(MINI) in BENCHMARKS else _NOT_OF_THE_PAPER,
        },
    )


_OF_THE_PAPER = (
    "- Four options a question; the wording comes from templates. What the paper leaves open about its sets, and what "
    "was chosen here: docs/choices.md."
)
_NOT_OF_THE_PAPER = "- Not one of the paper's benchmarks."
_HEAD = (
    "| metric | percent \\[95 % interval\\] | seeds | SD over seeds | questions | clusters |\n"
    "| :-- | --: | --: | --: | --: | --: |"
)


def _score_row(title: str, score: Score) -> str:
    spread = "—" if score.seed_sd is None else f"{score.seed_sd:.2f}"
    shown = escape(f"{score.shown()} {bounds(score, 2)}")
    return f"| {escape(title)} | {shown} | {score.seeds} | {spread} | {score.questions} | {score.clusters} |"


def _unfit(seeds: Sequence[Result]) -> str:
    return "; ".join(sorted({reason for one in seeds for reason in reasons(one)})) or "nothing that the gates look for"


def _card(title: str, mini: bool, sections: dict[str, str]) -> str:
    parts = [f"# {escape(title)}", f"**{USE}**", *([f"> {escape(MINI_MEANS)}"] if mini else [])]
    return "\n\n".join([*parts, *(f"## {name}\n\n{text}" for name, text in sections.items())]) + "\n"
