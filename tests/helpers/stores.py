"""Small made-up results for the report tests. Nothing in them was measured."""

import numpy as np
import pandas as pd

from anatomy_r1.results.store import Result

CATEGORIES = ("Gallbladder", "Gut", "Liver", "Omentum")
PROVENANCE = {"commit": "0123456789abcdef", "dirty": False}


def questions(chance, n=40, clusters=8, seed=0):
    """A question table in which each response is right with probability `chance`."""
    rng = np.random.default_rng(seed)
    right = rng.random((n, 5)) < chance
    return pd.DataFrame(
        {
            "id": [f"q{index:03d}" for index in range(n)],
            "cluster": [f"VID{index % clusters:02d}" for index in range(n)],
            "category": [CATEGORIES[index % len(CATEGORIES)] for index in range(n)],
            **{f"correct_{repeat}": right[:, repeat] for repeat in range(5)},
            "major": right.sum(axis=1) >= 3,
            "greedy": right[:, 0],
            "parsed": 5,
            "truncated": 0,
        }
    )


def result(method="grpo", chance=0.5, benchmark="sgg_anatomy_mini", model="mini-l", seed=0, **changes):
    table = questions(
        chance, seed=abs(hash((method, benchmark, model, seed))) % 2**32 if changes.get("random") else seed
    )
    values = {"arm": "matched", "profile": "mini", "style": "think", "provenance": PROVENANCE, "questions": table}
    return Result(benchmark=benchmark, model=model, method=method, seed=seed, **{**values, **changes})


def grid():
    """Four methods, two benchmarks, two models, and two seeds of one cell."""
    chances = {"zero-shot": 0.28, "sft": 0.55, "cot-sft": 0.6, "grpo": 0.5}
    cells = [
        result(method, chance, benchmark, model)
        for model in ("mini-l", "mini-s")
        for benchmark in ("sgg_anatomy_mini", "omnimed_mi_mini")
        for method, chance in chances.items()
    ]
    return [*cells, result("grpo", 0.5, seed=1)]


def named(report, name):
    return next(table for table in report.tables if table.name == name)


def row(table, block, title):
    return next(r for b in table.blocks if b.title.startswith(block) for r in b.rows if r.title == title)


def plan(method, benchmark="sgg_anatomy_mini", model="mini-l", seed=0, parent=None, **arguments):
    """What a training was asked to do, as the grid writes it down."""
    return {"cell": f"{benchmark}/{model}/{method}/seed{seed}", "arguments": arguments, "parent": parent}


def trained(of, steps=120, tokens=5000, seconds=60.0):
    """A training in a result's provenance."""
    return {"plan": of, "spent": {"steps": steps, "rollout_tokens": tokens, "seconds": seconds}}


def paid(method, training, seed=0, evaluation=None, **changes):
    """A result with a price."""
    spent = {} if evaluation is None else {"spent": evaluation}
    return result(method, seed=seed, **changes, provenance={**PROVENANCE, "training": training, **spent})


def shares(*rights, clusters=None):
    """A question table from the number of right responses (of five) to each question; each its own cluster unless
    told otherwise. The first responses are the right ones."""
    table = questions(0.5, n=len(rights), clusters=len(rights))
    for repeat in range(5):
        table[f"correct_{repeat}"] = [repeat < right for right in rights]
    table["major"] = [right >= 3 for right in rights]
    return table if clusters is None else table.assign(cluster=clusters)
