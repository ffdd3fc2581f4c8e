"""What a card says of where its model and data are from: facts of the provenance, where all seeds agree on them."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from anatomy_r1.data.leakage.passport import from_dict
from anatomy_r1.data.leakage.text import as_text
from anatomy_r1.provenance import stated
from anatomy_r1.results.store import EQUAL_TOKENS, MATCHED, Result
from anatomy_r1.tables.markdown import escape
from reports.scores.cost import Amount, Cost
from reports.scores.notes import commits

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
