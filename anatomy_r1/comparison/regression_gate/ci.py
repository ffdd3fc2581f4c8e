"""What a CI server reads: JUnit XML (one suite per benchmark, one case per metric), and GitHub annotations and summary.

Names of questions and results may hold any text. In XML, characters that XML 1.0 does not allow become U+FFFD, and the
standard library escapes the rest. On GitHub, a line that begins with `::` commands the runner, so values are escaped as
the runner unescapes them (actions/toolkit, packages/core/src/command.ts), and the report is printed between
`::stop-commands::TOKEN` and `::TOKEN::`, with a token that cannot be guessed.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree

from anatomy_r1.comparison.regression_gate.judge import FlippedQuestion, Gate, JudgedMetric, JudgedPair
from anatomy_r1.comparison.regression_gate.report import flip_line, label, sentence, warnings
from anatomy_r1.tables.text import plain, plain_lines

TITLE = "anatomy-r1 regress"
SUMMARY_BYTES = 1_000_000
"""GitHub drops a step's summary of more than 1 MiB."""
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Whatever is not a Char of XML 1.0 (section 2.2), such as a lone surrogate."""


def junit_xml(gate: Gate, *, require_power: bool = False, named: int = 10) -> bytes:
    """The JUnit document; with `require_power`, an underpowered metric also fails."""
    root = ElementTree.Element("testsuites", name=TITLE)
    for pair in gate.pairs:
        suite = ElementTree.SubElement(root, "testsuite", name=xml_text(pair.benchmark))
        for one in pair.judged:
            _add_case(suite, pair, one, require_power, named)
        output = [*warnings(gate), *_flips("right to wrong", pair.lost, named)]
        output += _flips("wrong to right", pair.gained, named)
        ElementTree.SubElement(suite, "system-out").text = xml_text("\n".join(output))
    return _bytes(root)


def junit_refusal(message: str) -> bytes:
    """A JUnit document with one case that ended in an error: nothing was judged."""
    root = ElementTree.Element("testsuites", name=TITLE)
    suite = ElementTree.SubElement(root, "testsuite", name=TITLE)
    case = ElementTree.SubElement(suite, "testcase", classname=TITLE, name="inputs")
    text = xml_text(message)
    ElementTree.SubElement(case, "error", type="refused", message=text).text = text
    return _bytes(root)


def xml_text(value: str) -> str:
    """`value` with every character that XML does not allow replaced."""
    return _FORBIDDEN.sub("\ufffd", value)


def _add_case(suite: ElementTree.Element, pair: JudgedPair, one: JudgedMetric, require_power: bool, named: int) -> None:
    case = ElementTree.SubElement(suite, "testcase", classname=xml_text(pair.benchmark), name=xml_text(label(one)))
    text = xml_text(sentence(pair, one))
    if one.verdict == "regression" or (one.verdict == "underpowered" and require_power):
        failure = ElementTree.SubElement(case, "failure", type=one.verdict, message=text)
        failure.text = xml_text("\n".join([text, *_flips("right to wrong", pair.lost, named)]))
    else:
        ElementTree.SubElement(case, "system-out").text = f"{one.verdict}: {text}"


def _flips(direction: str, found: Sequence[FlippedQuestion], named: int) -> Iterator[str]:
    yield f"{len(found)} questions {direction}" + (":" if found and named else "")
    yield from (f"  {flip_line(one)}" for one in found[:named])


def _bytes(root: ElementTree.Element) -> bytes:
    for suite in root:
        for name, tag in (("tests", "testcase"), ("failures", ".//failure"), ("errors", ".//error")):
            suite.set(name, str(len(suite.findall(tag))))
    ElementTree.indent(root)
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def in_github_actions(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether this runs in GitHub Actions."""
    return environment.get("GITHUB_ACTIONS") == "true"


def github_annotations(gate: Gate, *, require_power: bool = False, named: int = 10) -> Iterator[str]:
    """GitHub annotations: an `error` for each metric that fails, a `warning` for each other reservation."""
    for pair, one in gate.of("regression"):
        lines = [sentence(pair, one), *(flip_line(flip) for flip in pair.lost[:named])]
        yield github_annotation("error", "\n".join(lines), f"{TITLE}: regression")
    for pair, one in gate.of("underpowered"):
        kind = "error" if require_power else "warning"
        yield github_annotation(kind, sentence(pair, one), f"{TITLE}: underpowered")
    yield from (github_annotation("warning", text, TITLE) for text in warnings(gate))


def github_annotation(kind: str, message: str, title: str) -> str:
    """One annotation, without a line end; unprintable characters, also carriage returns, become question marks."""
    title, message = (text.replace("%", "%25").replace("\n", "%0A") for text in (plain(title), plain_lines(message)))
    return f"::{kind} title={title.replace(':', '%3A').replace(',', '%2C')}::{message}"


def guarded(text: str) -> str:
    """`text` between two lines that turn the runner's commands off and on again."""
    token = secrets.token_hex(16)
    return f"::stop-commands::{token}\n{text}\n::{token}::"


def disarmed(text: str) -> str:
    """`text` without anything that the runner would take for a command, for a stream that is not guarded."""
    return text.replace("::", ": :").replace("##[", "## [")


def append_summary(markdown: str, environment: Mapping[str, str] = os.environ) -> None:
    """Append to the job's summary, if the runner provides one; a summary that is too long is cut, with a note."""
    if not (path := environment.get("GITHUB_STEP_SUMMARY")):
        return
    content = markdown.encode("utf-8", "replace")
    if len(content) > SUMMARY_BYTES:
        content = content[:SUMMARY_BYTES] + b"\n\n*cut: the job's output has all of it*\n"
    with Path(path).open("ab") as file:
        file.write(content + b"\n")
