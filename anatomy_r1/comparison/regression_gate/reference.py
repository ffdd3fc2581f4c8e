"""A reference file: results to hold later ones against, without weights or responses; small enough to be committed.

JSON: for each system its conditions, its questions, and for each run the right and wrong answers as strings of digits.

What a recorded reference can tell: printed when it is written, so that a weak one is noticed then.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from anatomy_r1.comparison.panel import RECORDED
from anatomy_r1.comparison.regression_gate.tolerance import AVG, Mode, noise, overdispersed, tolerance
from anatomy_r1.comparison.systems import Run, System, systems
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.files import write_output
from anatomy_r1.scoring.metrics import K
from anatomy_r1.scoring.question_table import table_metrics

MARK, VERSION = "anatomy_r1_reference", 1
_LABELS = ("id", "cluster", "category")
_CORRECT = tuple(f"correct_{repeat}" for repeat in range(K))
_FLAGS = ("major", "greedy")
_COUNTS = ("parsed", "truncated")


def write_reference(path: Path, found: Sequence[System]) -> None:
    """Write `path`; equal systems give equal bytes.

    Raises:
        AnatomyR1Error: when a result holds what is no whole number, or the file cannot be written.
    """
    content = {MARK: VERSION, "systems": [_of_system(system) for system in found]}
    write_output(path, json.dumps(content, indent=0, ensure_ascii=True) + "\n")


def is_reference(path: Path) -> bool:
    """Whether a JSON file is a reference rather than a cell of a result store."""
    try:
        return path.is_file() and MARK in json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError, RecursionError):
        return False


def read_reference(path: Path) -> tuple[System, ...]:
    """The systems of a reference file.

    Raises:
        AnatomyR1Error: when it is of another version, or anything in it is not as it was written.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content[MARK] != VERSION:
            raise ValueError(f"version {content[MARK]!r}; this release reads {VERSION}")
        return systems([run for one in content["systems"] for run in _runs(one, path)])
    except AnatomyR1Error:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        fix = "Fix: write it again with `anatomy-r1 regress RESULT --record FILE`"
        raise AnatomyR1Error(f"{path}: not a whole reference ({type(error).__name__}: {error}). {fix}") from error


def _of_system(system: System) -> dict[str, Any]:
    first = system.runs[0].questions
    return {
        "name": system.name,
        "benchmark": system.benchmark,
        "conditions": {kind: dict(fields) for kind, fields in system.conditions.items()},
        "questions": {label: first[label].astype(str).tolist() for label in _LABELS},
        "runs": [_of_run(run) for run in system.runs],
    }


def _of_run(run: Run) -> dict[str, Any]:
    table = run.questions
    if not all(table[name].mod(1).eq(0).all() for name in (*_CORRECT, *_FLAGS, *_COUNTS)):
        fix = "Fix: keep the result itself, and name it with --against"
        raise AnatomyR1Error(f"{run.origin['source']}: means over rotations and unknown counts are no digits. {fix}")
    origin = {**run.origin, "source": Path(run.origin["source"]).name}  # a committed file names no folder of ours
    return {
        "seed": run.seed,
        "origin": origin,
        "correct": [_digits(table[name]) for name in _CORRECT],
        **{name: _digits(table[name]) for name in (*_FLAGS, *_COUNTS)},
    }


def _digits(values: pd.Series[Any]) -> str:
    return "".join(map(str, values.to_numpy(dtype=int)))


def _runs(one: Mapping[str, Any], path: Path) -> list[Run]:
    labels = {label: [_text(value) for value in one["questions"][label]] for label in _LABELS}
    if len(set(labels["id"])) < len(labels["id"]):
        raise ValueError("a question stands twice")
    conditions = {kind: _texts(one["conditions"][kind]) for kind in RECORDED}
    return [
        Run(
            name=_text(one["name"]),
            benchmark=_text(one["benchmark"]),
            seed=int(run["seed"]),
            questions=_table(labels, run),
            conditions=conditions,
            origin={**_texts(run["origin"]), "source": f"{path}#{one['name']}/{run['seed']}"},
        )
        for run in one["runs"]
    ]


def _table(labels: Mapping[str, list[str]], run: Mapping[str, Any]) -> pd.DataFrame:
    count = len(labels["id"])
    if len(run["correct"]) != K:
        raise ValueError(f"{len(run['correct'])} responses a question, not {K}")
    flags = {name: _read(digits, count, 1) for name, digits in zip(_CORRECT, run["correct"], strict=True)}
    flags |= {name: _read(run[name], count, 1) for name in _FLAGS}
    columns: dict[str, Any] = {**labels, **{name: [bool(value) for value in of] for name, of in flags.items()}}
    columns |= {name: _read(run[name], count, K) for name in _COUNTS}
    return pd.DataFrame(columns)


def _read(digits: str, count: int, most: int) -> list[int]:
    if not re.fullmatch(f"[0-{most}]{{{count}}}", digits):
        raise ValueError(f"expected {count} digits from 0 to {most}, found {digits[:20]!r}")
    return [int(digit) for digit in digits]


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    return {str(name): _text(value) for name, value in values.items()}


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"expected a text, found {value!r}")
    return value


def recorded(system: System) -> str:
    """A line on one system: its runs, and how far one fresh run may fall, were Avg@5 alone judged."""
    mode: Mode = "training" if len(system.known("weights")) > 1 else "sampling"
    shares = [table_metrics(run.questions) for run in system.runs]
    measured = noise(AVG, shares, shares, mode)
    runs = f"{len(shares)} {'training' if mode == 'training' else 'run'}{'s' if len(shares) > 1 else ''}"
    mean = sum(float(one[AVG].mean()) for one in shares) / len(shares)
    said = f"{system.name}: {runs} of {len(shares[0][AVG])} questions, {AVG} {100 * mean:.2f}"
    found = tolerance(measured, fresh=1, mode=mode, judged=1)
    if found is None:
        return said
    more = "; its runs scatter more than sampling explains" if mode == "sampling" and overdispersed(measured) else ""
    return (
        f"{said}; in --mode {mode} one fresh run may fall by {100 * found.limit:.2f} points, and a true loss of "
        f"{100 * found.detectable:.2f} fires with 95 %{more}"
    )
