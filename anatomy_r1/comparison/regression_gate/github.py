"""GitHub Actions: annotations as workflow commands, and a job summary.

Whatever stands on a line after `::` commands the runner, and names of questions are anybody's text. So values are
escaped as the runner unescapes them (actions/toolkit, packages/core/src/command.ts), and our own report is printed
between `::stop-commands::TOKEN` and `::TOKEN::`, with a token that nobody can know beforehand.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path

from anatomy_r1.comparison.regression_gate.gate import Gate
from anatomy_r1.comparison.regression_gate.words import flip_line, sentence, warnings
from anatomy_r1.tables.text import plain, plain_lines

TITLE = "anatomy-r1 regress"
SUMMARY_BYTES = 1_000_000
"""GitHub drops a step's summary of more than 1 MiB."""


def asked(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether this runs in GitHub Actions."""
    return environment.get("GITHUB_ACTIONS") == "true"


def commands(gate: Gate, *, require_power: bool = False, named: int = 10) -> Iterator[str]:
    """A line a verdict that is not good: `error` for what fails, `warning` for what must be known."""
    for pair, one in gate.of("regression"):
        lines = [sentence(pair, one), *(flip_line(flip) for flip in pair.lost[:named])]
        yield command("error", "\n".join(lines), f"{TITLE}: regression")
    for pair, one in gate.of("underpowered"):
        yield command("error" if require_power else "warning", sentence(pair, one), f"{TITLE}: underpowered")
    yield from (command("warning", text, TITLE) for text in warnings(gate))


def command(kind: str, message: str, title: str) -> str:
    """One workflow command, without its line end; what cannot be printed, a carriage return too, is a question mark."""
    return f"::{kind} title={_property(plain(title))}::{_data(plain_lines(message))}"


def guarded(text: str) -> str:
    """`text` with the runner's commands off while it is printed."""
    token = secrets.token_hex(16)
    return f"::stop-commands::{token}\n{text}\n::{token}::"


def disarmed(text: str) -> str:
    """`text` without anything that a runner would take for a command, for a stream that nobody guards."""
    return text.replace("::", ": :").replace("##[", "## [")


def append_summary(markdown: str, environment: Mapping[str, str] = os.environ) -> None:
    """Add to the job's summary, where the runner asks for one; a summary that is too long is cut and says so."""
    if not (path := environment.get("GITHUB_STEP_SUMMARY")):
        return
    content = markdown.encode("utf-8", "replace")
    if len(content) > SUMMARY_BYTES:
        content = content[:SUMMARY_BYTES] + b"\n\n*cut: the job's output has all of it*\n"
    with Path(path).open("ab") as file:
        file.write(content + b"\n")


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
