"""The report of the bench, in Markdown and JSON: a pure function of the result files.

It states two targets (ours), and whether each was met: the time of a step relative to another case's, and the plan's
memory estimate relative to the measured peak.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anatomy_r1.files import write_atomic
from baselines.bench.cases import ONCE, OURS, OWN, SPANS, CaseResult, read_result, write_json
from baselines.preflight.memory import GB

RATIOS = (
    ("GDQA against GRPO", "grpo-gdqa", "grpo", 1.10),
    ("ours against plain TRL", "grpo", "trl", 1.02),
    *((f"{one}, a group computed once", one + ONCE, one, 1.02 if one == "grpo-gdqa" else 0.75) for one in OURS),
    ("a group computed once against plain TRL", "grpo" + ONCE, "trl", 0.75),
)
"""Title, numerator, denominator, and the target for the ratio of their seconds per step, at most (ours). GDQA's members
share nothing, so that it should cost nothing to look.
"""
WITHIN = 0.15
"""Target for the relative error of the plan's peak memory (ours)."""
DASH = "-"


@dataclass(frozen=True)
class Aim:
    """One target for one model and tuning."""

    title: str
    where: str
    aim: str
    value: float | None = None
    least: float | None = None
    """Fastest step of the first case over the slowest of the second; None for memory."""
    most: float | None = None
    verdict: str = ""
    """met, missed or not measured; with a reason."""


def aims(found: Sequence[CaseResult]) -> list[Aim]:
    """Every target for every model and tuning among the results."""
    groups: dict[str, dict[str, CaseResult]] = {}
    for one in sorted(found, key=_name):
        groups.setdefault(f"{one['case']['model']} {one['case']['tuning']}", {})[one["case"]["method"]] = one
    judged = []
    for where, methods in groups.items():
        for title, first, second, limit in RATIOS:
            aim = Aim(title, where, f"at most {limit:.2f}")
            judged.append(_ratio(aim, methods.get(first), methods.get(second), limit))
        for method, one in sorted(methods.items()):
            judged.append(_estimate(Aim(f"plan's memory, {method}", where, f"within {WITHIN:.0%}"), one))
    return judged


def _ratio(aim: Aim, first: CaseResult | None, second: CaseResult | None, limit: float) -> Aim:
    """Ratio of the median seconds per step, with the range over single steps."""
    for one in (first, second):
        if one is None or one["status"] != "measured":
            reason = "no such case" if one is None else f"{one['case']['method']}: {one['status']}"
            return dataclasses.replace(aim, verdict=f"not measured ({reason})")
    assert first and second
    if first["device"]["name"] != second["device"]["name"]:
        return dataclasses.replace(aim, verdict="not measured (on two devices)")
    above, below = first["seconds"], second["seconds"]
    value = above["median"] / below["median"]
    least, most = above["least"] / below["most"], above["most"] / below["least"]
    verdict = "met" if value <= limit else "missed"
    if least <= limit < most:
        verdict += ", but single steps lie on both sides"
    return dataclasses.replace(aim, value=value, least=least, most=most, verdict=verdict)


def _estimate(aim: Aim, one: CaseResult) -> Aim:
    """The plan's peak over the memory that the driver handed out."""
    if one["status"] != "measured" or one["memory"]["driver"] is None:
        reason = one["status"] if one["status"] != "measured" else "no GPU"
        return dataclasses.replace(aim, verdict=f"not measured ({reason})")
    value = one["plan"]["peak"] / one["memory"]["driver"]
    return dataclasses.replace(aim, value=value, verdict="met" if abs(value - 1) <= WITHIN else "missed")


def write_report(out: Path) -> list[Aim]:
    """Write `report.json` and `report.md` from `out/cases`; returns the targets."""
    found = [read_result(path) for path in sorted((out / "cases").glob("*.json"))]
    judged = aims(found)
    write_json(out / "report.json", {"aims": [dataclasses.asdict(aim) for aim in judged], "cases": found})
    write_atomic(out / "report.md", as_markdown(found, judged))
    return judged


def as_markdown(found: Sequence[CaseResult], judged: Sequence[Aim]) -> str:
    """The report in words and tables."""
    rehearsed = any(one["case"]["rehearsal"] for one in found)
    warning = "**The mini architecture, no GPU: these numbers say nothing about one.**\n\n" if rehearsed else ""
    title = "Rehearsal on a CPU" if rehearsed else "The time and memory of a training step on one GPU"
    parts = [_facts(found), _aim_table(judged), _times(found), _memory(found), _how(found, rehearsed)]
    return f"# {title}\n\n{warning}" + "\n\n".join("\n".join(part) for part in parts) + "\n"


def _facts(found: Sequence[CaseResult]) -> Iterator[str]:
    def each(value: Callable[[CaseResult], Any]) -> str:
        return ", ".join(sorted({str(value(one)) for one in found})) or DASH

    yield from ("```sh", *sorted({str(one["command"]) for one in found}), "```", "")
    yield f"- commit: {each(lambda one: one['commit'][:12] + (' (with changes)' if one['dirty'] else ''))}"
    yield f"- date: {each(lambda one: one['date'])}"
    yield f"- device: {each(lambda one: one['device']['name'])}"
    yield f"- driver: {each(lambda one: one['device']['driver'] or 'none')}"
    yield f"- CUDA: {each(lambda one: one['device']['cuda'] or 'none')}"
    for name in ("torch", "transformers", "trl", "peft"):
        yield f"- {name}: {each(lambda one, name=name: one['packages'].get(name, 'none'))}"  # type: ignore[misc]


def _aim_table(judged: Sequence[Aim]) -> Iterator[str]:
    rows = []
    for one in judged:
        value = DASH if one.value is None else f"{one.value:.3f}"
        span = DASH if one.least is None or one.most is None else f"{one.least:.3f} to {one.most:.3f}"
        rows.append([one.title, one.where, one.aim, value, span, one.verdict])
    return _table(["target", "model", "at most or within", "found", "single steps", "verdict"], "lllrrl", rows)


def _times(found: Sequence[CaseResult]) -> Iterator[str]:
    headings = ["case", "seconds per step", "least to most", "completions", "tokens/s", *SPANS, "other", *OWN]
    rows = []
    for one in found:
        cells = [one["status"], *[DASH] * (len(headings) - 2)]
        if one["status"] == "measured":
            seconds = one["seconds"]
            cells = [f"{seconds['median']:.3f}", f"{seconds['least']:.3f} to {seconds['most']:.3f}"]
            cells += [f"{one['completions']:.0f}", f"{one['tokens_per_second']:.0f}"]
            cells += [f"{one['share'][name]:.0%}" for name in (*SPANS, "other")]
            cells += [f"{one['own'][name]:.1%}" for name in OWN]
        rows.append([_name(one), *cells])
    return _table(headings, "l" + "r" * (len(headings) - 1), rows)


def _memory(found: Sequence[CaseResult]) -> Iterator[str]:
    yield "Peak memory in GB (2^30 bytes). `driver` is everything handed out on the GPU, CUDA's own share included."
    yield ""
    rows = []
    for one in found:
        measured = one.get("memory") or {}
        parts = [measured.get(name) for name in ("allocated", "reserved", "driver")] + [one.get("plan", {}).get("peak")]
        rows.append([_name(one), *(DASH if part is None else f"{part / GB:.2f}" for part in parts)])
    yield from _table(["case", "allocated", "reserved", "driver", "plan"], "lrrrr", rows)


def _how(found: Sequence[CaseResult], rehearsed: bool) -> Iterator[str]:
    lengths = ", ".join(map(str, sorted({one["case"]["completion"] for one in found})))
    prompts = ", ".join(map(str, sorted({one["prompt"] for one in found if "prompt" in one}))) or DASH
    times = "CPU seconds of one thread" if rehearsed else "wall time, with the GPU synchronised around every span"
    yield f"Random weights and random images. Longest prompt: {prompts} tokens, image tokens included. Every completion"
    yield f"has {lengths} tokens, because random weights do not stop by themselves. Rollouts are sampled by"
    yield "transformers, not by vLLM. No answer is ever correct, so DAPO always uses all of its draws. Times are"
    yield f"{times}; the first step is not counted. `vary` (augmentation) and `write` (training log) are what our"
    yield "trainer does in addition to TRL's, within scoring. See docs/gpu-bench.md."
    for one in found:
        if one["status"] != "measured":
            words = " ".join(str(one["error"]).split())[:300].replace("|", "/").replace("`", "'")
            yield f"\n{_name(one)}: {one['status']}. `{words}`"


def _table(headings: Sequence[str], alignment: str, rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Lines of a Markdown table; `alignment` has `l` or `r` for each column."""
    marks = [":--" if one == "l" else "--:" for one in alignment]
    for row in (headings, marks, *rows):
        yield f"| {' | '.join(row)} |"


def _name(one: CaseResult) -> str:
    case = one["case"]
    return f"{case['model']} {case['tuning']} {case['method']}"
