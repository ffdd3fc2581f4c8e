"""The results of the bench as Markdown and JSON: a pure function of the cases' files."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from anatomy_r1.files import write_whole
from baselines.bench.aims import Aim, aims
from baselines.bench.clock import OWN, SPANS
from baselines.bench.store import Found, read_all, write_json
from baselines.preflight.memory import GB

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
