"""Model and data cards, as Markdown, from the result store alone: the same results give the same words.

A model card is about one method on one benchmark and model with all its seeds; a data card about one benchmark.
Sections follow Mitchell et al., "Model Cards for Model Reporting" (2019), as far as a store can fill them.

What a card says of where its model and data are from: facts of the provenance, where all seeds agree on them.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from anatomy_r1.data.leakage.passport import from_dict
from anatomy_r1.data.leakage.text import as_text
from anatomy_r1.provenance import stated
from anatomy_r1.results.store import EQUAL_TOKENS, MATCHED, Result, load_results
from anatomy_r1.tables.markdown import escape
from reports.scores.caveats import reasons
from reports.scores.cost import Amount, Cost, costs
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

UNKNOWN = "not recorded"
Facts = dict[str, str]


def agreed(seeds: Sequence[Result], kind: Callable[[Result], Facts]) -> Facts:
    """Facts of one kind, such as `plan`; where seeds differ, each value that there is."""
    each = [kind(result) for result in seeds]
    names = dict.fromkeys(name for facts in each for name in facts)
    return {name: ", ".join(dict.fromkeys(facts.get(name, UNKNOWN) for facts in each)) for name in names}


def plan(result: Result) -> Facts:
    """What it is: profile, method, base model, start, trainer, prompt."""
    plan = stated(result.provenance, "training", "plan")
    parent = stated(plan, "parent")
    return {
        "profile": result.profile,
        "method": result.method,
        "arm": result.arm,
        "base model": _shown(stated(plan, "model")),
        "started from": "the base model" if parent is None else _shown(stated(parent, "cell")),
        "trainer": _shown(stated(plan, "method", "trainer")),
        "prompt": f"{result.style}, {_shown(result.provenance.get('prompt'))}",
        "seed": str(result.seed),
        "note": _shown(result.provenance.get("note")),
    }


def arguments(result: Result) -> Facts:
    """Arguments of its training."""
    arguments = stated(result.provenance, "training", "plan", "arguments")
    return {str(k): _shown(v) for k, v in arguments.items()} if isinstance(arguments, Mapping) else {}


def data(result: Result) -> Facts:
    """What its data were prepared with, and what is recorded of them."""
    plan, data = stated(result.provenance, "training", "plan", "data"), result.provenance.get("data")
    prepared = {f"prepared with {k}": _shown(v) for k, v in plan.items()} if isinstance(plan, Mapping) else {}
    recorded = {str(k).replace("_", " "): _shown(v) for k, v in data.items()} if isinstance(data, Mapping) else {}
    return {**prepared, **recorded}


def made_from(result: Result) -> Facts:
    """Commit, locks, packages and hashes that it was made from."""
    trained = stated(result.provenance, "training", "provenance")
    packages = stated(trained, "packages")
    return {
        "trained at": (_shown(stated(trained, "commit")))[:10] + (" + changes" if stated(trained, "dirty") else ""),
        "lock, in training": _shown(stated(trained, "lock_sha256")),
        "lock, in scoring": _shown(result.provenance.get("lock_sha256")),
        "python": _shown(stated(trained, "python")),
        "packages": ", ".join(f"{k} {v}" for k, v in packages.items()) if isinstance(packages, Mapping) else UNKNOWN,
        "questions": _shown(stated(result.provenance, "data", "questions_sha256")),
        "weights": _shown(stated(result.provenance, "sampling", "weights")),
    }


def listed(facts: Facts) -> str:
    """A Markdown list."""
    return "\n".join(f"- {escape(name)}: {escape(value)}" for name, value in facts.items())


def overlap_lines(result: Result) -> str:
    """The leakage passport, as `anatomy-r1 data leakage` shows it."""
    passport = result.provenance.get("leakage")
    if passport is None:
        return "Not looked for."
    return "\n".join(f"    {escape_code(line)}" for line in as_text(from_dict(passport)).splitlines())


def escape_code(line: str) -> str:
    """A line of an indented block shows as it is but for what would end it or command a terminal."""
    return "".join(character if character.isprintable() else " " for character in line)


def steps_and_tokens(cost: Cost) -> str:
    """What training took, means over seeds; seconds stand in cost.txt, for no two runs share them."""
    return f"Mean over seeds: {_amount(cost.steps)} optimiser steps, {_amount(cost.rollout_tokens)} sampled tokens."


def _amount(amount: Amount) -> str:
    own = UNKNOWN if amount.own is None else f"{amount.own:,.0f}"
    whole = UNKNOWN if amount.whole is None else f"{amount.whole:,.0f}"
    return f"{own} ({whole} with what it started from)" if amount.continued else own


def reproduce_command(seeds: Sequence[Result]) -> str:
    """Commands that train and score the group again."""
    first = seeds[0]
    trained = [_shown(stated(one.provenance, "training", "provenance", "commit")) for one in seeds]
    options = {
        "--profile": [first.profile],
        "--methods": [first.method],
        "--benchmarks": [first.benchmark],
        "--models": [first.model],
        "--seeds": [str(one.seed) for one in seeds],
        "--arms": [MATCHED, EQUAL_TOKENS] if first.arm == EQUAL_TOKENS else [first.arm],
    }
    words = [word for name, values in options.items() for word in (name, *map(shlex.quote, values))]
    at = ", ".join(dict.fromkeys(commit[:10] for commit in trained))
    head = escape_code(f"# trained at {at}, scored at {', '.join(commits(seeds))}")
    return f"{head}\n{escape_code('tox -e reproduce-table1 -- ' + ' '.join(words))}"


def _shown(value: Any) -> str:
    if value is None:
        return UNKNOWN
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


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
            "What it is": listed(agreed(seeds, plan)),
            "Intended use": f"{USE} To repeat and examine the paper's experiment; for nothing else.",
            "Training": f"{listed(agreed(seeds, arguments))}\n\n{escape(cost)}",
            "Scores": "\n".join([_HEAD, *rows]),
            "What training and test share": overlap_lines(first),
            "Fitness": listed({"speaks against the numbers": _unfit(seeds)}),
            "Limits": "\n".join(f"- {escape(line)}" for line in LIMITS),
            "Provenance": listed({**agreed(seeds, made_from), "scored at": ", ".join(commits(seeds))}),
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
            "What it is": listed(data(trained)),
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
