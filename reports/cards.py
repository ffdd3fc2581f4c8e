"""Model and data cards as Markdown, from the result store alone: the same results give the same cards.

A model card describes one method on one benchmark and model with all its seeds, a data card one benchmark. The sections
follow Mitchell et al., "Model Cards for Model Reporting" (2019), as far as a store can fill them.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from anatomy_r1.bases import RunKey, crossed, distinct_seeds, named_bases
from anatomy_r1.data.leakage.passport import as_text, from_dict
from anatomy_r1.provenance import stated
from anatomy_r1.results.store import EQUAL_TOKENS, MATCHED, Result, load_results
from anatomy_r1.tables.markdown import escape
from reports.scores.blind import blind_notes
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
from reports.scores.notes import MINI_MEANS, USE, commits, unfit_reasons
from reports.scores.scores import ALL, AVG, Score, SystemKey, by_system, scores, several_bases, system_of
from reports.tables.rows import number, score_cell

UNKNOWN = "not recorded"
_LIMITS = (
    "Trained and tested on multiple-choice questions of one benchmark; says nothing about open-ended questions.",
    "Intervals are over videos, slides, patients or images, given these trainings; the spread over seeds is separate.",
    "What the base model saw before is unknown unless it was trained here.",
)
_OF_THE_PAPER = (
    "- Four options for each question; the wording comes from templates. For what the paper leaves open about its sets "
    "and what was chosen here, see docs/choices.md."
)
_NOT_OF_THE_PAPER = "- Not one of the paper's benchmarks."
_HEADS = ("# Model card: ", "# Data card: ")
Facts = dict[str, str]
"""Name -> value, as a card lists them."""
Overall = Mapping[tuple[SystemKey, str], Score]
"""System and metric -> score over all questions."""


def card_files(store: Path) -> dict[str, str]:
    """File name -> card, for each trained policy and each benchmark of a store.

    Raises:
        ValueError: when the store is empty, a result is incomplete, or the results do not belong together.
    """
    results = load_results(store)
    if not results:
        raise ValueError("no results. Run `tox -e reproduce-table1` first")
    return cards(results)


def old_cards(out: Path) -> list[str]:
    """Names of the cards in a folder, known by their first line."""
    paths = [path for kind in ("model", "data") for path in sorted(out.glob(f"{kind}-*.md"))]
    return [path.name for path in paths if path.read_text(encoding="utf-8", errors="replace").startswith(_HEADS)]


def cards(results: Sequence[Result]) -> dict[str, str]:
    """File name -> card; pure."""
    ordered = sorted(results, key=lambda result: result.key)
    found = {(score.system, score.metric): score for score in scores(ordered) if score.category == ALL}
    spent = costs(ordered)
    files = {}
    for system, seeds in by_system(ordered).items():
        if seeds[0].provenance.get("training") is not None:
            name = f"model-{system.benchmark}-{system.model}-{system.method}-{system.arm}.md"
            files[name] = _model_card(seeds, found, spent[system])
    for benchmark in sorted({result.benchmark for result in ordered}):
        of_benchmark = [result for result in ordered if result.benchmark == benchmark]
        files[f"data-{benchmark}.md"] = _data_card(of_benchmark, found)
    return files


def _model_card(seeds: Sequence[Result], found: Overall, cost: Cost) -> str:
    """The card of one system; `seeds` are all its results."""
    system = system_of(seeds[0])
    what = f"{method_title(system.method, system.arm)}, {model_title(system.model, False)}"
    rows = [_score_row(title, found[system, metric]) for metric, title in {**METRICS, "greedy": "greedy"}.items()]
    ran = "runs" if several_bases(found[system, metric] for metric in METRICS) else "seeds"
    head = (
        f"| metric | percent \\[95 % interval\\] | {ran} | SD over {ran} | questions | clusters |",
        "| :-- | --: | --: | --: | --: | --: |",
    )
    arguments = _agreed(seeds, lambda one: _facts(stated(one.provenance, "training", "plan", "arguments")))
    steps, tokens = _amount(cost.steps), _amount(cost.rollout_tokens)  # seconds differ from run to run: cost.txt
    paid = f"Mean over {ran}: {steps} optimiser steps, {tokens} sampled tokens."
    unfit = sorted({reason for one in seeds for reason in unfit_reasons(one)})
    return _card(
        f"Model card: {what}, {benchmark_title(system.benchmark)}",
        is_mini(system.benchmark),
        {
            "What it is": _listed(_agreed(seeds, _plan)),
            "Intended use": f"{USE} To repeat and examine the paper's experiment; for nothing else.",
            "Training": f"{_listed(arguments)}\n\n{escape(paid)}",
            "Scores": "\n".join([*head, *rows]) + _meaning(seeds, [found[system, AVG]]),
            "Overlap of training and test": _overlap(seeds[0]),
            "Validity": _listed({"speaks against the numbers": "; ".join(unfit) or "nothing found by the checks"}),
            "Limits": "\n".join(f"- {escape(line)}" for line in _LIMITS),
            "Provenance": _listed({**_agreed(seeds, _made_from), "scored at": ", ".join(commits(seeds))}),
            "How to reproduce it": f"```sh\n{_reproduce(seeds)}\n```",
        },
    )


def _data_card(results: Sequence[Result], found: Overall) -> str:
    """The card of one benchmark, from all results on it."""
    first, benchmark = results[0], results[0].benchmark
    sizes = first.questions.groupby("category").size()
    trained = next((one for one in results if one.provenance.get("training") is not None), first)
    return _card(
        f"Data card: {benchmark_title(benchmark)}",
        is_mini(benchmark),
        {
            "What it is": _listed(_data(trained)),
            "Intended use": f"{USE} Licences and terms: DATA_LICENSES.md.",
            "Test questions": _listed(
                {"all": f"{len(first.questions)} in {first.questions['cluster'].nunique()} clusters"}
                | {str(name): str(size) for name, size in sizes.items()}
            ),
            "Overlap of training and test": _overlap(trained),
            "What the wording alone gives away": _wording(results, found),
            "Limits": _OF_THE_PAPER if benchmark.removesuffix(MINI) in BENCHMARKS else _NOT_OF_THE_PAPER,
        },
    )


def _wording(results: Sequence[Result], found: Overall) -> str:
    """Scores of the controls without a model."""
    systems = [one for one in sorted({system_of(result) for result in results}, key=str) if one.method in CONTROLS]
    if not systems:
        return "The controls were not run."
    scores_of = {f"{CONTROLS[one.method]}, {one.model}": _score_text(found[one, AVG]) for one in systems}
    return _listed(scores_of) + _meaning(results, [found[one, AVG] for one in systems])


def _card(title: str, mini: bool, sections: Mapping[str, str]) -> str:
    parts = [f"# {escape(title)}", f"**{USE}**", *([f"> {escape(MINI_MEANS)}"] if mini else [])]
    return "\n\n".join([*parts, *(f"## {name}\n\n{text}" for name, text in sections.items())]) + "\n"


def _score_text(score: Score) -> str:
    """`47.97 [45.79, 50.16]`."""
    cell = score_cell(score)
    return f"{cell.text} {cell.aside}"


def _score_row(title: str, score: Score) -> str:
    spread = number(score.seed_sd, 2)
    cells = (escape(title), escape(_score_text(score)), score.seeds, spread, score.questions, score.clusters)
    return f"| {' | '.join(map(str, cells))} |"


def _meaning(results: Sequence[Result], shown: Iterable[Score]) -> str:
    """What a mark behind a score means, as a paragraph below it."""
    return "".join(f"\n\n{escape(note)}" for note in blind_notes(results, shown))


def _overlap(result: Result) -> str:
    """The leakage passport, as `anatomy-r1 data leakage` shows it."""
    passport = result.provenance.get("leakage")
    if passport is None:
        return "Not checked."
    return "\n".join(f"    {_one_line(line)}" for line in as_text(from_dict(passport)).splitlines())


def _amount(amount: Amount) -> str:
    own, whole = (UNKNOWN if value is None else f"{value:,.0f}" for value in (amount.own, amount.whole))
    return f"{own} ({whole} including what it started from)" if amount.continued else own


def _reproduce(seeds: Sequence[Result]) -> str:
    """The commands that train and score a system again, one for the bases that have the same seeds."""
    first = seeds[0]
    trained = [_text(stated(one.provenance, "training", "provenance", "commit")) for one in seeds]
    made = [_command(first, part) for part in crossed(one.run for one in seeds)]
    at = ", ".join(dict.fromkeys(commit[:10] for commit in trained))
    comment = f"# trained at {at}, scored at {', '.join(commits(seeds))}"
    return "\n".join(map(_one_line, (comment, *made)))


def _command(first: Result, runs: Sequence[RunKey]) -> str:
    """The command for runs of the system of `first` whose bases all have the same seeds."""
    options = {
        "--profile": [first.profile],
        "--methods": [first.method],
        "--benchmarks": [first.benchmark],
        "--models": [first.model],
        "--seeds": [str(seed) for seed in distinct_seeds(runs)],
        **({"--bases": list(bases)} if (bases := named_bases(runs)) else {}),
        "--arms": [MATCHED, EQUAL_TOKENS] if first.arm == EQUAL_TOKENS else [first.arm],
    }
    words = [word for name, values in options.items() for word in (name, *map(shlex.quote, values))]
    return f"tox -e reproduce-table1 -- {' '.join(words)}"


def _agreed(seeds: Sequence[Result], kind: Callable[[Result], Facts]) -> Facts:
    """Facts of one kind, such as `_plan`; where the seeds differ, every value."""
    each = [kind(result) for result in seeds]
    names = dict.fromkeys(name for facts in each for name in facts)
    return {name: ", ".join(dict.fromkeys(facts.get(name, UNKNOWN) for facts in each)) for name in names}


def _plan(result: Result) -> Facts:
    plan = stated(result.provenance, "training", "plan")
    parent = stated(plan, "parent")
    return {
        "profile": result.profile,
        "method": result.method,
        "arm": result.arm,
        "base model": _text(stated(plan, "model")),
        "started from": "the base model" if parent is None else _text(stated(parent, "cell")),
        "trainer": _text(stated(plan, "method", "trainer")),
        "prompt": f"{result.style}, {_text(result.provenance.get('prompt'))}",
        "seed": str(result.seed),
        **({"base": result.base} if result.base else {}),
        "note": _text(result.provenance.get("note")),
    }


def _data(result: Result) -> Facts:
    """How the data were prepared, and what was recorded about them."""
    prepared = _facts(stated(result.provenance, "training", "plan", "data"))
    recorded = _facts(result.provenance.get("data"))
    return {
        **{f"prepared with {name}": value for name, value in prepared.items()},
        **{name.replace("_", " "): value for name, value in recorded.items()},
    }


def _made_from(result: Result) -> Facts:
    trained = stated(result.provenance, "training", "provenance")
    packages = stated(trained, "packages")
    return {
        "trained at": _text(stated(trained, "commit"))[:10] + (" + changes" if stated(trained, "dirty") else ""),
        "lock, in training": _text(stated(trained, "lock_sha256")),
        "lock, in scoring": _text(result.provenance.get("lock_sha256")),
        "python": _text(stated(trained, "python")),
        "packages": ", ".join(f"{k} {v}" for k, v in packages.items()) if isinstance(packages, Mapping) else UNKNOWN,
        "questions": _text(stated(result.provenance, "data", "questions_sha256")),
        "weights": _text(stated(result.provenance, "sampling", "weights")),
    }


def _facts(recorded: Any) -> Facts:
    """A recorded mapping as facts; none if it is something else."""
    return {str(name): _text(value) for name, value in recorded.items()} if isinstance(recorded, Mapping) else {}


def _listed(facts: Facts) -> str:
    return "\n".join(f"- {escape(name)}: {escape(value)}" for name, value in facts.items())


def _text(value: Any) -> str:
    if value is None:
        return UNKNOWN
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _one_line(text: str) -> str:
    """A line of a code block, without characters that would end the line or control a terminal."""
    return "".join(character if character.isprintable() else " " for character in text)
