"""JUnit XML, which CI servers show: a suite a benchmark, a case a metric.

Names of questions and results are anybody's text: what XML 1.0 does not allow becomes U+FFFD, the rest is escaped by
the standard library.

GitHub Actions: annotations as workflow commands, and a job summary.

Whatever stands on a line after `::` commands the runner, and names of questions are anybody's text. So values are
escaped as the runner unescapes them (actions/toolkit, packages/core/src/command.ts), and our own report is printed
between `::stop-commands::TOKEN` and `::TOKEN::`, with a token that nobody can know beforehand.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree

from anatomy_r1.comparison.regression_gate.judge import Flipped, Gate, Judged, Pair
from anatomy_r1.comparison.regression_gate.report import flip_line, label, sentence, warnings
from anatomy_r1.tables.text import plain, plain_lines

SUITE = "anatomy-r1 regress"
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Whatever is no Char of XML 1.0 (section 2.2), lone surrogates among it."""


def junit(gate: Gate, *, require_power: bool = False, named: int = 10) -> bytes:
    """The document; with `require_power`, what is underpowered fails too."""
    root = ElementTree.Element("testsuites", name=SUITE)
    for pair in gate.pairs:
        suite = ElementTree.SubElement(root, "testsuite", name=text(pair.benchmark))
        for one in pair.judged:
            _case(suite, pair, one, require_power, named)
        _count(suite)
        output = [*warnings(gate), *_flips("right to wrong", pair.lost, named)]
        output += _flips("wrong to right", pair.gained, named)
        ElementTree.SubElement(suite, "system-out").text = text("\n".join(output))
    return _bytes(root)


def refusal(message: str) -> bytes:
    """One case that ended in an error: nothing was judged."""
    root = ElementTree.Element("testsuites", name=SUITE)
    suite = ElementTree.SubElement(root, "testsuite", name=SUITE)
    case = ElementTree.SubElement(suite, "testcase", classname=SUITE, name="inputs")
    ElementTree.SubElement(case, "error", type="refused", message=text(message)).text = text(message)
    _count(suite)
    return _bytes(root)


def text(value: str) -> str:
    """`value` as XML can hold it."""
    return _FORBIDDEN.sub("\ufffd", value)


def _case(suite: ElementTree.Element, pair: Pair, one: Judged, require_power: bool, named: int) -> None:
    case = ElementTree.SubElement(suite, "testcase", classname=text(pair.benchmark), name=text(label(one)))
    said = text(sentence(pair, one))
    if one.verdict == "regression" or (one.verdict == "underpowered" and require_power):
        failure = ElementTree.SubElement(case, "failure", type=one.verdict, message=said)
        failure.text = text("\n".join([said, *_flips("right to wrong", pair.lost, named)]))
    else:
        ElementTree.SubElement(case, "system-out").text = f"{one.verdict}: {said}"


def _flips(direction: str, found: Sequence[Flipped], named: int) -> Iterator[str]:
    yield f"{len(found)} questions {direction}" + (":" if found and named else "")
    yield from (f"  {flip_line(one)}" for one in found[:named])


def _count(suite: ElementTree.Element) -> None:
    for name, tag in (("tests", "testcase"), ("failures", ".//failure"), ("errors", ".//error")):
        suite.set(name, str(len(suite.findall(tag))))


def _bytes(root: ElementTree.Element) -> bytes:
    ElementTree.indent(root)
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


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
