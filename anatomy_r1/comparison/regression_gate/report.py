"""A gate as a document: verdicts, flipped questions, what else moved, and how to read it."""

from __future__ import annotations

from collections.abc import Iterator

from anatomy_r1.comparison.regression_gate.flipped import Flipped
from anatomy_r1.comparison.regression_gate.gate import Gate, Judged, Pair
from anatomy_r1.comparison.regression_gate.words import headline, label, warnings
from anatomy_r1.comparison.report import GENERATED
from anatomy_r1.comparison.report_tables import NAMED, columns
from anatomy_r1.comparison.systems import System
from anatomy_r1.comparison.words import points, signed
from anatomy_r1.tables.table import Block, Cell, Report, Row, Table


def document(gate: Gate, named: int = NAMED) -> Report:
    """Everything for a reader; `named` flipped questions are named in each direction."""
    tables = (_verdicts(gate), _flips(gate, named), _shown(gate), _origins(gate))
    kept = tuple(table for table in tables if table.blocks)
    return Report(f"Regression gate: {headline(gate)}", " ".join(_warnings(gate)), kept, tuple(_notes(gate)))


def _warnings(gate: Gate) -> Iterator[str]:
    yield from warnings(gate)
    if any(pair.benchmark.endswith("_mini") for pair in gate.pairs):
        yield GENERATED


def _verdicts(gate: Gate) -> Table:
    titles = ("reference", "fresh", "change", "may fall by", "loss that fires", "noise from", "verdict")
    blocks = [Block(_title(pair), tuple(Row(label(one), _cells(one)) for one in pair.judged)) for pair in gate.pairs]
    heads = columns("percent and points", titles)
    return Table("gate", "Did a metric fall by more than the noise allows?", "Metric", heads, tuple(blocks))


def _cells(one: Judged) -> tuple[Cell, ...]:
    shown = (points(one.reference), points(one.fresh), Cell(signed(one.fresh - one.reference)))
    if one.tolerance is None:
        return shown
    found = one.tolerance
    word = one.verdict or ""
    return (*shown, points(found.limit), points(found.detectable), Cell(found.rests_on), Cell(word))


def _shown(gate: Gate) -> Table:
    blocks = [
        Block(_title(pair), tuple(Row(one.category if one.category else one.metric, _cells(one)) for one in pair.shown))
        for pair in gate.pairs
    ]
    heads = columns(
        f"percent and points; anatomies and types in {gate.rule.metrics[0]}", ("reference", "fresh", "change")
    )
    return Table("shown", "Not judged: other metrics, anatomies or question types", "Metric", heads, tuple(blocks))


def _flips(gate: Gate, named: int) -> Table:
    blocks, notes = [], []
    for pair in gate.pairs:
        for direction, found in (("right to wrong", pair.lost), ("wrong to right", pair.gained)):
            if found and named:
                rows = tuple(Row(one.id, _flip_cells(one)) for one in found[:named])
                blocks.append(Block(f"{pair.benchmark}: {direction}", rows))
        notes.append(
            f"{pair.benchmark}: {len(pair.lost)} right to wrong, {len(pair.gained)} wrong to right, of "
            f"{len(pair.panel.questions)} questions; the largest falls first. Questions flip both ways by chance."
        )
    heads = columns("share of the responses that were right, percent", ("anatomy or type", "cluster", "before", "now"))
    title = "Flipped questions (by majority vote)"
    return Table("flips", title, "Question", heads, tuple(blocks), tuple(notes) if blocks else ())


def _flip_cells(one: Flipped) -> tuple[Cell, ...]:
    return Cell(one.category), Cell(one.cluster), Cell(f"{one.before:.0%}"), Cell(f"{one.after:.0%}")


def _origins(gate: Gate) -> Table:
    blocks = [
        Block(pair.benchmark, tuple(Row(one.short, _origin(one)) for one in (pair.reference, pair.fresh)))
        for pair in gate.pairs
    ]
    heads = columns("provenance", ("seeds", "weights", "commit", "data"))
    return Table("origins", "What was held against what", "Result", heads, tuple(blocks))


def _origin(system: System) -> tuple[Cell, ...]:
    known = {what: ", ".join(one[:10] for one in system.known(what)) for what in ("weights", "commit", "data")}
    seeds = ", ".join(str(run.seed) for run in system.runs)
    return tuple(Cell(text or "not recorded") for text in (seeds, *known.values()))


def _title(pair: Pair) -> str:
    runs = [f"{len(one.runs)} run{'s' if len(one.runs) > 1 else ''}" for one in (pair.reference, pair.fresh)]
    of = len(pair.panel.questions)
    return f"{pair.benchmark}: {of} questions, reference {runs[0]}, fresh {runs[1]}"


def _notes(gate: Gate) -> Iterator[str]:
    rule, count = gate.rule, len(gate.judged)
    many = f", Bonferroni over the {count} judged" if count > 1 else ""
    if rule.mode == "sampling":
        yield (
            f"May fall by: for 99 % of references at most {100 * rule.false_alarms:g} % of honest re-evaluations fire"
            f"{many}. Noise: the draw of responses to the same questions, or the scatter of the reference's repeats "
            "where it is larger."
        )
    else:
        yield (
            f"May fall by: t prediction limit from the reference's trainings; at most {100 * rule.false_alarms:g} % of "
            f"honest retrainings fire{many}, if scores of trainings are about normal."
        )
    yield (
        "Loss that fires: a true loss of this size fires with 95 %. Underpowered: it is larger than "
        f"{100 * rule.smallest_difference:g} points, the smallest difference of interest."
    )
    yield (
        "The verdict is about these questions. What other videos or patients would have shown: `anatomy-r1 compare`. "
        "Rules and error rates: docs/ci.md."
    )
    yield f"Judged by code at commit {gate.code[:10] or 'unknown'}. Research only, not for clinical use."
