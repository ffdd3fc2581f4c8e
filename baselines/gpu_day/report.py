"""The report of a day, in Markdown and JSON: the parts' outcomes, and where and when they were made."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from anatomy_r1.files import write_atomic
from anatomy_r1.provenance import gpus, processor, provenance, read_driver
from baselines.bench.cases import write_json
from baselines.gpu_day.parts import LEFT, Outcome, Part, read_outcome

PACKAGES = ("torch", "transformers", "trl", "accelerate", "peft", "vllm", "deepspeed")


def device(rehearsal: bool) -> dict[str, Any]:
    """The first GPU as the driver has it, or the CPU. Not by PyTorch: this process would occupy some of its memory."""
    cards = () if rehearsal else gpus()
    if not cards:
        return {"kind": "cpu", "name": processor(), "memory_gb": None, "driver": "", "cuda": ""}
    driver, cuda = read_driver()
    about = {"driver": driver, "cuda": ".".join(map(str, cuda))}
    return {"kind": "cuda", "name": cards[0].name, "memory_gb": round(cards[0].memory, 1), **about}


def write_report(out: Path, command: str, parts: Sequence[Part], *, rehearsal: bool = False) -> None:
    """Write `report.json` and `report.md` of what is there now."""
    made = provenance()
    facts = {"command": command, "commit": made["commit"], "dirty": made["dirty"], "device": device(rehearsal)}
    facts |= {"date": time.strftime("%Y-%m-%d", time.gmtime())}
    facts |= {"packages": {name: made["packages"].get(name, "") for name in PACKAGES}}
    outcomes = [read_outcome(out, part.name) for part in parts]
    write_json(out / "report.json", {**facts, "parts": [asdict(one) for one in outcomes]})
    write_atomic(out / "report.md", as_markdown(facts, parts, outcomes))


def as_markdown(facts: Mapping[str, Any], parts: Sequence[Part], outcomes: Sequence[Outcome]) -> str:
    """The report in words."""
    card = facts["device"]
    title = "A day on one GPU" if card["kind"] == "cuda" else "Rehearsal on a CPU"
    warning = "" if card["kind"] == "cuda" else "\n**No GPU, tiny shapes: these numbers say nothing about one.**\n"
    lines = [f"# {title}", warning, *_facts(facts), "", "| part | state | seconds |", "| :-- | :-- | --: |"]
    lines += [f"| {one.name} | {one.status} | {one.seconds:.0f} |" for one in outcomes]
    for part, one in zip(parts, outcomes, strict=True):
        lines += ["", f"## {part.name}: {part.shows}", "", *_bullets(one)]
    left = [one.name for one in outcomes if one.status == LEFT]
    lines += ["", f"Left: {', '.join(left)}. The same command continues." if left else "Nothing is left."]
    return "\n".join(line for line in lines if line is not None) + "\n"


def _facts(facts: Mapping[str, Any]) -> Iterator[str]:
    card = facts["device"]
    memory = f", {card['memory_gb']:.0f} GB" if card["memory_gb"] else ""
    yield from ("```sh", str(facts["command"]), "```", "")
    yield f"- commit: {facts['commit'][:12]}{' (with changes)' if facts['dirty'] else ''}"
    yield f"- date: {facts['date']}"
    yield f"- device: {card['name']}{memory}; driver {card['driver'] or 'none'}, CUDA {card['cuda'] or 'none'}"
    yield f"- packages: {', '.join(f'{name} {found}' for name, found in facts['packages'].items() if found)}"


def _bullets(one: Outcome) -> Iterator[str]:
    """Lines of output may hold what Markdown would read as its own."""
    for line in one.lines or ("nothing yet",):
        yield f"- {' '.join(line.replace('|', '/').replace('`', chr(39)).replace('<', '&lt;').split())}"
