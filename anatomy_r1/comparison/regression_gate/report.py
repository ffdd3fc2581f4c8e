"""The gate's report: verdicts as sentences, as a document, as JSON, and for a CI server.

A CI server reads JUnit XML (one suite per benchmark, one case per metric), and GitHub annotations and summary. Names of
questions and results may hold any text. In XML, characters that XML 1.0 does not allow become U+FFFD, and the standard
library escapes the rest. On GitHub, a line that begins with `::` commands the runner, so values are escaped as the
runner unescapes them (actions/toolkit, packages/core/src/command.ts), and the report is printed between
`::stop-commands::TOKEN` and `::TOKEN::`, with a token that cannot be guessed.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args
from xml.etree import ElementTree

from anatomy_r1.bases import named_bases
from anatomy_r1.comparison.beside_blind import NOTE as BLIND_NOTE
from anatomy_r1.comparison.beside_blind import blind_json, blind_table
from anatomy_r1.comparison.cells import columns, points, signed
from anatomy_r1.comparison.panel import ALL
from anatomy_r1.comparison.regression_gate.judge import (
    AVG,
    HIGHER_IS_WORSE,
    FlippedQuestion,
    Gate,
    GateVerdict,
    JudgedMetric,
    JudgedPair,
)
from anatomy_r1.comparison.report import GENERATED, NAMED
from anatomy_r1.comparison.systems import System, SystemRun
from anatomy_r1.scoring.fitness import reservations
from anatomy_r1.tables.table import Block, Cell, Document, Row, Table
from anatomy_r1.tables.text import plain, plain_lines

VERSION = 1
"""Version of the JSON format."""
TITLE = "anatomy-r1 regress"
SUMMARY_BYTES = 1_000_000
"""GitHub drops a step's summary of more than 1 MiB."""
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Whatever is not a Char of XML 1.0 (section 2.2), such as a lone surrogate."""


def headline(gate: Gate) -> str:
    """The outcome in one line, which begins with the sides that are unfit."""
    sides = {"reference": [pair.reference for pair in gate.pairs], "fresh": [pair.fresh for pair in gate.pairs]}
    unfit = [side for side, of in sides.items() if any(system.unfit for system in of)]
    return (f"UNFIT ({' and '.join(unfit)}): " if unfit else "") + _outcome(gate)


def _outcome(gate: Gate) -> str:
    judged, fell, weak = len(gate.judged), len(gate.of("regression")), len(gate.of("underpowered"))
    of = f"{judged} metric{'s' if judged > 1 else ''} judged"
    if fell:
        return f"REGRESSION: {fell} of {of} fell by more than the noise allows"
    if weak:
        smallest = 100 * gate.rule.smallest_difference
        return f"PASS, BUT UNDERPOWERED: a loss of {smallest:g} points could pass unseen in {weak} of {of}"
    return f"PASS: {of}, none fell by more than the noise allows"


def verdicts(gate: Gate) -> Iterator[str]:
    """One sentence per verdict, regressions first."""
    for verdict in get_args(GateVerdict):
        for pair, one in gate.of(verdict):
            yield f"{verdict}: {sentence(pair, one)}"


def sentence(pair: JudgedPair, one: JudgedMetric) -> str:
    """What happened to one metric, what the noise allows, and which loss would fire."""
    word = "rose" if one.metric in HIGHER_IS_WORSE else "fell"
    moved = f"{word} by {_points(one.fall)} points" if one.fall > 0 else "did not get worse"
    text = f"{pair.benchmark}: {label(one)} {moved} ({_points(one.reference)} to {_points(one.fresh)})"
    if (found := one.tolerance) is None:
        return f"{text}; not judged"
    allowed, detectable = _points(found.limit), _points(found.detectable)
    return f"{text}; the noise allows {allowed}; a true loss of {detectable} fires with 95 %"


def label(one: JudgedMetric) -> str:
    """`avg@5`, or `avg@5 (Liver)`."""
    return one.metric if one.category == ALL else f"{one.metric} ({one.category})"


def flip_line(one: FlippedQuestion) -> str:
    """A flipped question, with the share of responses that were right before and now."""
    return f"{one.id} ({one.category}): {one.before:.0%} of the responses right, now {one.after:.0%}"


def warnings(gate: Gate) -> Iterator[str]:
    """What a reader must know before any verdict."""
    yield from (line for pair in gate.pairs for line in before_verdict(pair))
    for pair in gate.pairs:
        yield from (f"{pair.benchmark}: {text}." for text in (*pair.panel.caveats, *_reservations(pair, gate)))


def before_verdict(pair: JudgedPair) -> tuple[str, ...]:
    """What must be read before the verdict: each unfit run of either side, and an order that the extractor turns."""
    return reservations((*pair.reference.unfit, *pair.fresh.unfit), pair.benchmark, pair.order)


def _reservations(pair: JudgedPair, gate: Gate) -> Iterator[str]:
    sampling = gate.rule.mode == "sampling"
    old, new = ({(run.origin.get("weights"), run.key) for run in of.runs} for of in (pair.reference, pair.fresh))
    if any(weights for weights, _ in old & new):
        yield "the fresh result has weights and seed of the reference: no fresh draw, so it says little about the noise"
    if sampling and pair.reference.known("weights") != pair.fresh.known("weights"):
        yield "other weights than the reference's: the verdict is on these weights, not on the recipe (--mode training)"
    if not sampling:
        yield from _bases(pair)
    if any(one.tolerance and one.tolerance.rests_on == "repeats" for one in pair.judged):
        yield "the reference's repeats vary more than sampling explains: they determine the noise"
    if any(one.tolerance and -one.fall > one.tolerance.limit for one in pair.judged):
        yield "better by more than the noise: a reference that is too low hides the next regression; record a new one"
    if sampling and len(pair.reference.runs) == 1:
        yield "one reference run: that nothing but sampling moves the score is assumed, not measured"


def _bases(pair: JudgedPair) -> Iterator[str]:
    """What the bases of the trainings do to the limit, which takes every training for independent."""
    old, new = (named_bases(of.keys) for of in (pair.reference, pair.fresh))
    if old != new:
        first, second = (", ".join(of) or "not named" for of in (old, new))
        yield (
            f"the bases differ (reference {first}; fresh {second}): the noise is that of trainings, and a change may "
            "be the base's"
        )
    elif len(old) > 1:
        yield (
            "several bases: what a base gives to both sides counts as noise, so a loss may pass that should not; judge "
            "base by base"
        )


def _points(share: float) -> str:
    return f"{100 * share:.2f}"


def document(gate: Gate, named: int = NAMED) -> Document:
    """The report for readers; it names up to `named` flipped questions in each direction."""
    lead = tuple(line for pair in gate.pairs for line in before_verdict(pair))
    caveats = [line for line in warnings(gate) if line not in lead]
    if any(pair.benchmark.endswith("_mini") for pair in gate.pairs):
        caveats.append(GENERATED)
    blind = blind_table([(pair.panel, pair.benchmark) for pair in gate.pairs], AVG)
    tables = (_verdict_table(gate), blind, _flips_table(gate, named), _shown_table(gate), _origins_table(gate))
    kept = tuple(table for table in tables if table.blocks)
    return Document(f"Regression gate: {headline(gate)}", " ".join(caveats), kept, tuple(_notes(gate)), lead=lead)


def _verdict_table(gate: Gate) -> Table:
    titles = ("reference", "fresh", "change", "may fall by", "loss that fires", "noise from", "verdict")
    blocks = [Block(_title(pair), tuple(Row(label(one), _cells(one)) for one in pair.judged)) for pair in gate.pairs]
    heads = columns("percent and points", titles)
    return Table("gate", "Did a metric fall by more than the noise allows?", "Metric", heads, tuple(blocks))


def _shown_table(gate: Gate) -> Table:
    blocks = [
        Block(_title(pair), tuple(Row(one.category or one.metric, _cells(one)) for one in pair.shown))
        for pair in gate.pairs
    ]
    group = f"percent and points; anatomies and types in {gate.rule.metrics[0]}"
    heads = columns(group, ("reference", "fresh", "change"))
    return Table("shown", "Not judged: other metrics, anatomies or question types", "Metric", heads, tuple(blocks))


def _cells(one: JudgedMetric) -> tuple[Cell, ...]:
    shown = (points(one.reference), points(one.fresh), Cell(signed(one.fresh - one.reference)))
    if (found := one.tolerance) is None:
        return shown
    return (*shown, points(found.limit), points(found.detectable), Cell(found.rests_on), Cell(one.verdict or ""))


def _title(pair: JudgedPair) -> str:
    runs = [f"{len(one.runs)} run{'s' if len(one.runs) > 1 else ''}" for one in (pair.reference, pair.fresh)]
    of = len(pair.panel.questions)
    return f"{pair.benchmark}: {of} questions, reference {runs[0]}, fresh {runs[1]}"


def _flips_table(gate: Gate, named: int) -> Table:
    blocks, notes = [], []
    for pair in gate.pairs:
        for direction, found in (("right to wrong", pair.lost), ("wrong to right", pair.gained)):
            if found and named:
                blocks.append(Block(f"{pair.benchmark}: {direction}", tuple(map(_flip_row, found[:named]))))
        notes.append(
            f"{pair.benchmark}: {len(pair.lost)} right to wrong, {len(pair.gained)} wrong to right, of "
            f"{len(pair.panel.questions)} questions; the largest changes first. Questions flip both ways by chance."
        )
    heads = columns("share of the responses that were right, percent", ("anatomy or type", "cluster", "before", "now"))
    title = "Flipped questions (by majority vote)"
    return Table("flips", title, "Question", heads, tuple(blocks), tuple(notes) if blocks else ())


def _flip_row(one: FlippedQuestion) -> Row:
    return Row(one.id, (Cell(one.category), Cell(one.cluster), Cell(f"{one.before:.0%}"), Cell(f"{one.after:.0%}")))


def _origins_table(gate: Gate) -> Table:
    blocks = [Block(pair.benchmark, (_origin(pair.reference), _origin(pair.fresh))) for pair in gate.pairs]
    heads = columns("provenance", ("seeds", "weights", "commit", "data", "fitness"))
    return Table("origins", "What was compared", "Result", heads, tuple(blocks))


def _origin(system: System) -> Row:
    hashes = [", ".join(one[:10] for one in system.known(what)) for what in ("commit", "data")]
    weights, seeds = ", ".join(map(weights_name, system.known("weights"))), system.factors
    fitness = ", ".join(sorted({run.fitness.word for run in system.runs}))
    return Row(system.short, tuple(Cell(text or "not recorded") for text in (seeds, weights, *hashes, fitness)))


def weights_name(weights: str) -> str:
    """Enough to tell weights apart: all of a name, and ten digits of a hash."""
    return weights[:10] if re.fullmatch("[0-9a-f]{16,}", weights) else weights


def _notes(gate: Gate) -> Iterator[str]:
    rule, count = gate.rule, len(gate.judged)
    many = f", Bonferroni over the {count} judged" if count > 1 else ""
    if rule.mode == "sampling":
        yield (
            f"May fall by: for 99 % of references at most {100 * rule.false_alarms:g} % of honest re-evaluations fire"
            f"{many}. Noise: the draw of responses to the same questions, or the variation of the reference's repeats "
            "if it is larger."
        )
    else:
        yield (
            f"May fall by: t prediction limit from the reference's trainings; at most {100 * rule.false_alarms:g} % of "
            f"honest retrainings fire{many}, if scores of trainings are approximately normal."
        )
    yield (
        "Loss that fires: a true loss of this size fires with 95 %. Underpowered: it is larger than "
        f"{100 * rule.smallest_difference:g} points, the smallest difference of interest."
    )
    yield BLIND_NOTE
    yield (
        "The verdict is about these questions. What other videos or patients would have shown: `anatomy-r1 compare`. "
        "Rules and error rates: docs/ci.md."
    )
    yield f"Judged by code at commit {gate.code[:10] or 'unknown'}. Research only, not for clinical use."


def as_json(gate: Gate) -> str:
    """The whole gate; numbers are shares between 0 and 1, not percent."""
    content = {
        "version": VERSION,
        "unit": "shares",
        "code": gate.code,
        "outcome": headline(gate),
        "warnings": list(warnings(gate)),
        "rule": asdict(gate.rule),
        "pairs": [_pair(pair) for pair in gate.pairs],
    }
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def _pair(pair: JudgedPair) -> dict[str, Any]:
    sides = {"reference": pair.reference, "fresh": pair.fresh}
    return {
        "benchmark": pair.benchmark,
        "runs": {side: [_run(run) for run in system.runs] for side, system in sides.items()},
        "beside_blind": blind_json([pair.panel], AVG),
        "judged": [{**asdict(one), "fall": one.fall} for one in pair.judged],
        "shown": [{**asdict(one), "fall": one.fall} for one in pair.shown],
        "lost": [asdict(one) for one in pair.lost],
        "gained": [asdict(one) for one in pair.gained],
    }


def _run(run: SystemRun) -> dict[str, Any]:
    fitness = {"unfit": list(run.fitness.reasons), "parsed_lenient": run.parsed_lenient}
    return {"seed": run.seed, **({"base": run.base} if run.base else {}), **run.origin, **fitness}


def junit_xml(gate: Gate, *, require_power: bool = False, named: int = 10) -> bytes:
    """The JUnit document; with `require_power`, an underpowered metric also fails."""
    root = ElementTree.Element("testsuites", name=TITLE)
    for pair in gate.pairs:
        suite = ElementTree.SubElement(root, "testsuite", name=xml_text(pair.benchmark))
        before = before_verdict(pair)
        if before:
            known = ElementTree.SubElement(suite, "properties")
            for line in before:
                ElementTree.SubElement(known, "property", name="reservation", value=xml_text(line))
        for one in pair.judged:
            case = ElementTree.SubElement(suite, "testcase", classname=suite.get("name", ""), name=xml_text(label(one)))
            text = xml_text(" ".join([*before, sentence(pair, one)]))
            if one.verdict == "regression" or (one.verdict == "underpowered" and require_power):
                failure = ElementTree.SubElement(case, "failure", type=one.verdict, message=text)
                failure.text = xml_text("\n".join([text, *_flips("right to wrong", pair.lost, named)]))
            else:
                ElementTree.SubElement(case, "system-out").text = f"{one.verdict}: {text}"
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


def _flips(direction: str, found: Sequence[FlippedQuestion], named: int) -> Iterator[str]:
    yield f"{len(found)} questions {direction}" + (":" if found and named else "")
    yield from (f"  {flip_line(one)}" for one in found[:named])


def _bytes(root: ElementTree.Element) -> bytes:
    for suite in root:
        for name, tag in (("tests", "testcase"), ("failures", ".//failure"), ("errors", ".//error")):
            suite.set(name, str(len(suite.findall(tag))))
    ElementTree.indent(root)
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def github_annotations(gate: Gate, *, require_power: bool = False, named: int = 10) -> Iterator[str]:
    """GitHub annotations: an `error` for each metric that fails, a `warning` for each other reservation."""
    before = [line for pair in gate.pairs for line in before_verdict(pair)]
    yield from (github_annotation("warning", line, f"{TITLE}: read before the verdict") for line in before)
    for pair, one in gate.of("regression"):
        lines = [sentence(pair, one), *(flip_line(flip) for flip in pair.lost[:named])]
        yield github_annotation("error", "\n".join(lines), f"{TITLE}: regression")
    for pair, one in gate.of("underpowered"):
        kind = "error" if require_power else "warning"
        yield github_annotation(kind, sentence(pair, one), f"{TITLE}: underpowered")
    yield from (github_annotation("warning", text, TITLE) for text in warnings(gate) if text not in before)


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
