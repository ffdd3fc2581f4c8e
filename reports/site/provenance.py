"""What the numbers of a page were made from, and the commands that reproduce them."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from anatomy_r1.provenance import stated
from anatomy_r1.results.store import MATCHED, SUBMITTED, Result
from reports.scores.names import ABLATION, benchmark_title
from reports.scores.notes import commit, machines

ProvenanceFacts = tuple[tuple[str, tuple[str, ...]], ...]
"""(name, values), in reading order."""


def facts(results: Sequence[Result]) -> ProvenanceFacts:
    """Profile, data, seeds, commits, locks, packages and machines behind some results. No date: same bytes."""
    provenances = [result.provenance for result in results]
    trainings = [of for p in provenances if isinstance(of := stated(p, "training", "provenance"), Mapping) and of]
    found = (
        ("Profile", _unique(result.profile for result in results)),
        ("Seeds", (", ".join(map(str, sorted({result.seed for result in results}))),)),
        ("Trained at commit", _unique(map(commit, trainings))),
        ("Scored at commit", _unique(map(commit, provenances))),
        ("Lock (SHA-256)", _unique(_short(p.get("lock_sha256")) for p in (*provenances, *trainings))),
        ("Data", _unique(_data(result) for result in results)),
        ("Packages", _unique(_packages(p) for p in (*provenances, *trainings))),
        ("Machines", (machines(results),)),
        ("Note", _unique(str(p.get("note") or "") for p in provenances)),
    )
    return tuple((name, values) for name, values in found if values)


def commands(results: Sequence[Result]) -> tuple[str, ...]:
    """Commands that train, sample and score these results again, and no others.

    They are derived from the results: what was typed is not recorded. Submitted results have no command.
    """
    seeds: dict[tuple[str, str, str, str], list[int]] = {}
    for one in sorted((one for one in results if one.arm != SUBMITTED), key=lambda result: result.key):
        seeds.setdefault((one.method, one.benchmark, one.model, one.arm), []).append(one.seed)
    entries = [
        _Cells((method,), (benchmark,), (model,), (arm,), tuple(sorted(of)))
        for (method, benchmark, model, arm), of in seeds.items()
    ]
    for place in range(4):
        entries = _merged(entries, place)
    profile = results[0].profile if results else ""
    return tuple(_command(profile, entry) for entry in entries)


def again(results: Sequence[Result]) -> tuple[str, ...]:
    """`commands`, and the one that builds this site from their output."""
    profiles = sorted({result.profile for result in results})
    sites = (shlex.join(("python", "-m", "reports", "site", "--out", "site", "--run", f"runs/{p}")) for p in profiles)
    return (*commands(results), *sites)


class _Cells(NamedTuple):
    """All combinations of these."""

    methods: tuple[str, ...]
    benchmarks: tuple[str, ...]
    models: tuple[str, ...]
    arms: tuple[str, ...]
    seeds: tuple[int, ...]


def _merged(entries: Iterable[_Cells], place: int) -> list[_Cells]:
    """Merge entries that differ in one field only."""
    found: dict[tuple[object, ...], list[_Cells]] = {}
    for entry in entries:
        found.setdefault((*entry[:place], *entry[place + 1 :]), []).append(entry)
    return [
        _Cells(*(*of[0][:place], tuple(name for one in of for name in one[place]), *of[0][place + 1 :]))  # type: ignore[arg-type]
        for of in found.values()
    ]


def _command(profile: str, of: _Cells) -> str:
    table = 2 if set(of.methods) <= set(ABLATION) else 1
    arms = () if of.arms == (MATCHED,) else ("--arms", *of.arms)
    words = ("tox", "-e", f"reproduce-table{table}", "--", "--profile", profile, "--benchmarks", *of.benchmarks)
    return shlex.join((*words, "--models", *of.models, "--methods", *of.methods, "--seeds", *map(str, of.seeds), *arms))


def _data(result: Result) -> str:
    data = result.provenance.get("data")
    if not isinstance(data, Mapping):
        return ""
    kind = "generated" if data.get("generated") else "real"
    sha = str(data.get("questions_sha256") or "unknown")[:16]
    return f"{benchmark_title(result.benchmark)}: {kind}, questions SHA-256 {sha}, split seed {data.get('seed')}"


def _packages(record: Mapping[str, Any]) -> str:
    packages = record.get("packages")
    listed = [f"{name} {version}" for name, version in sorted(packages.items())] if isinstance(packages, dict) else []
    return ", ".join([*listed, f"Python {record['python']}"] if record.get("python") else listed)


def _short(value: Any) -> str:
    return str(value)[:16] if value else ""


def _unique(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({value for value in values if value}))
