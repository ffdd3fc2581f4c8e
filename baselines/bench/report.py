"""The results of the bench as Markdown and JSON: a pure function of the cases' files.

What was aimed at, and whether it was met: ratios of two cases, and the plan's memory against the card's.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anatomy_r1.files import write_whole
from baselines.bench.clock import OWN, SPANS
from baselines.bench.store import Found, read_all, write_json
from baselines.preflight.memory import GB

RATIOS = (
    ("GDQA against GRPO", "grpo-gdqa", "grpo", 1.10),
    ("ours against plain TRL", "grpo", "trl", 1.02),
)
"""Title, numerator, denominator, and the most that is aimed at (ours), of the seconds of a step."""
WITHIN = 0.15
"""The plan's peak against the measured one (ours)."""


@dataclass(frozen=True)
class Aim:
    """One aim on one model and tuning."""

    title: str
    where: str
    aim: str
    value: float | None
    least: float | None
    """Of the fastest step of the first over the slowest of the second; None for memory, which is counted."""
    most: float | None
    verdict: str
    """met, missed, or not measured; with a reason."""


def aims(found: Sequence[Found]) -> list[Aim]:
    """Every aim for every model and tuning among the results, in order of their names."""
    by_case = {(f["case"]["model"], f["case"]["tuning"], f["case"]["method"]): f for f in found}
    places = sorted({key[:2] for key in by_case})
    return [
        aim
        for model, tuning in places
        for aim in _of({key[2]: one for key, one in by_case.items() if key[:2] == (model, tuning)}, f"{model} {tuning}")
    ]


def _of(methods: Mapping[str, Found], where: str) -> Iterator[Aim]:
    for title, first, second, limit in RATIOS:
        yield ratio(title, where, methods.get(first), methods.get(second), limit)
    for method, one in sorted(methods.items()):
        yield estimate(f"plan's memory, {method}", where, one)


def ratio(title: str, where: str, first: Found | None, second: Found | None, limit: float) -> Aim:
    """Median seconds of a step over another case's, with the range that single steps leave open."""
    aim = f"at most {limit:.2f}"
    for one in (first, second):
        if one is None or one["status"] != "measured":
            reason = "no such case" if one is None else f"{one['case']['method']}: {one['status']}"
            return Aim(title, where, aim, None, None, None, f"not measured ({reason})")
    assert first and second
    if first["device"]["name"] != second["device"]["name"]:
        return Aim(title, where, aim, None, None, None, "not measured (on two devices)")
    above, below = first["seconds"], second["seconds"]
    value = above["median"] / below["median"]
    least, most = above["least"] / below["most"], above["most"] / below["least"]
    open_ = ", but single steps lie on both sides" if least <= limit < most else ""
    return Aim(title, where, aim, value, least, most, ("met" if value <= limit else "missed") + open_)


def estimate(title: str, where: str, one: Found) -> Aim:
    """The plan's peak over what the driver gave out."""
    aim = f"within {WITHIN:.0%}"
    if one["status"] != "measured" or one["memory"]["driver"] is None:
        reason = one["status"] if one["status"] != "measured" else "no GPU"
        return Aim(title, where, aim, None, None, None, f"not measured ({reason})")
    value = one["plan"]["peak"] / one["memory"]["driver"]
    return Aim(title, where, aim, value, None, None, "met" if abs(value - 1) <= WITHIN else "missed")


DASH = "-"


def write_report(out: Path) -> list[Aim]:
    """Write `report.json` and `report.md` from what is below `out/cases`; returns the aims."""
    found = read_all(out)
    judged = aims(found)
    every = {"aims": [dataclasses.asdict(aim) for aim in judged], "cases": found}
    write_json(out / "report.json", every)
    write_whole(out / "report.md", as_markdown(found, judged))
    return judged


def as_markdown(found: Sequence[Found], judged: Sequence[Aim]) -> str:
    """The report in words and tables."""
    rehearsed = any(one["case"]["rehearsal"] for one in found)
    warning = "**The mini architecture, no GPU: these numbers say nothing about one.**"
    lines = ["# Rehearsal on a CPU", "", warning, ""] if rehearsed else ["# A step of each method on one GPU", ""]
    lines += [*_facts(found), "", *_aims(judged), "", *_times(found), "", *_memory(found), "", *_how(found, rehearsed)]
    return "\n".join(lines) + "\n"


def _facts(found: Sequence[Found]) -> Iterator[str]:
    def each(value: Any) -> str:
        return ", ".join(sorted({str(value(one)) for one in found})) or DASH

    yield "```sh"
    yield from sorted({str(one["command"]) for one in found})
    yield "```"
    yield ""
    yield f"- commit: {each(lambda one: one['commit'][:12] + (' (with changes)' if one['dirty'] else ''))}"
    yield f"- date: {each(lambda one: one['date'])}"
    yield f"- device: {each(lambda one: one['device']['name'])}"
    yield f"- driver: {each(lambda one: one['device']['driver'] or 'none')}"
    yield f"- CUDA: {each(lambda one: one['device']['cuda'] or 'none')}"
    for name in ("torch", "transformers", "trl", "peft"):
        yield f"- {name}: {each(lambda one, name=name: one['packages'].get(name, 'none'))}"


def _aims(judged: Sequence[Aim]) -> Iterator[str]:
    yield "| aim | model | aimed at | found | of single steps | |"
    yield "| :-- | :-- | :-- | --: | --: | :-- |"
    for one in judged:
        value = DASH if one.value is None else f"{one.value:.3f}"
        span = DASH if one.least is None or one.most is None else f"{one.least:.3f} to {one.most:.3f}"
        yield f"| {one.title} | {one.where} | {one.aim} | {value} | {span} | {one.verdict} |"


def _times(found: Sequence[Found]) -> Iterator[str]:
    spans = " | ".join((*SPANS, "other", *OWN))
    yield f"| case | seconds a step | least to most | completions | tokens/s | {spans} |"
    yield f"| :-- | --: | --: | --: | --: |{' --: |' * (len(SPANS) + len(OWN) + 1)}"
    for one in found:
        yield f"| {_name(one)} | {' | '.join(_row(one))} |"


def _row(one: Found) -> list[str]:
    if one["status"] != "measured":
        return [one["status"], *[DASH] * (len(SPANS) + len(OWN) + 4)]
    seconds, share = one["seconds"], one["share"]
    head = [f"{seconds['median']:.3f}", f"{seconds['least']:.3f} to {seconds['most']:.3f}"]
    shares = [f"{share[name]:.0%}" for name in (*SPANS, "other")]
    shares += [f"{one['own'][name]:.1%}" for name in OWN]
    return [*head, f"{one['completions']:.0f}", f"{one['tokens_per_second']:.0f}", *shares]


def _memory(found: Sequence[Found]) -> Iterator[str]:
    yield "Peak memory in GB (2^30 bytes); `driver` is all that the card had given out, CUDA's own part included."
    yield ""
    yield "| case | allocated | reserved | driver | plan |"
    yield "| :-- | --: | --: | --: | --: |"
    for one in found:
        measured = one.get("memory") or {}
        parts = [measured.get(name) for name in ("allocated", "reserved", "driver")] + [one.get("plan", {}).get("peak")]
        yield f"| {_name(one)} | {' | '.join(DASH if part is None else f'{part / GB:.2f}' for part in parts)} |"


def _how(found: Sequence[Found], rehearsed: bool) -> Iterator[str]:
    cases = [one["case"] for one in found]
    lengths = ", ".join(str(n) for n in sorted({case["completion"] for case in cases}))
    prompts = ", ".join(str(n) for n in sorted({one["prompt"] for one in found if "prompt" in one})) or DASH
    clock = (
        "process CPU seconds of one thread" if rehearsed else "wall seconds, the GPU waited for at every span's ends"
    )
    yield f"Random weights, random pictures. Longest prompt: {prompts} tokens, its picture's included. Every completion"
    yield f"has {lengths} tokens: random weights do not end by themselves. Sampled by transformers, not by vLLM. No"
    yield "answer is ever right, so that DAPO always takes all of its draws. Times are " + clock + ";"
    yield "the first step is not counted. `vary` and `write` are what ours does besides TRL's, within scoring:"
    yield "augmentation and training log. docs/gpu-bench.md says how."
    for one in found:
        if one["status"] != "measured":
            words = " ".join(str(one["error"]).split())[:300].replace("|", "/").replace("`", "'")
            yield f"\n{_name(one)}: {one['status']}. `{words}`"


def _name(one: Found) -> str:
    case = one["case"]
    return f"{case['model']} {case['tuning']} {case['method']}"
