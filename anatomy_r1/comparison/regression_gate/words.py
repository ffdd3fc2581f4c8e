"""A gate's verdicts as sentences, one wording for the terminal, JUnit and GitHub."""

from __future__ import annotations

from collections.abc import Iterator

from anatomy_r1.comparison.regression_gate.flipped import Flipped
from anatomy_r1.comparison.regression_gate.gate import HIGHER_IS_WORSE, Gate, Judged, Pair, Verdict
from anatomy_r1.comparison.scores import ALL
from anatomy_r1.scoring.validity import MAX_TRUNCATED, MAX_UNPARSED


def label(one: Judged) -> str:
    """`avg@5`, or `avg@5 (Liver)`."""
    return one.metric if one.category == ALL else f"{one.metric} ({one.category})"


def sentence(pair: Pair, one: Judged) -> str:
    """What happened to one metric, with what the noise allows and which loss would be noticed."""
    word = "rose" if one.metric in HIGHER_IS_WORSE else "fell"
    moved = f"{word} by {_points(one.fall)} points" if one.fall > 0 else "did not get worse"
    said = f"{pair.benchmark}: {label(one)} {moved} ({_points(one.reference)} to {_points(one.fresh)})"
    if one.tolerance is None:
        return f"{said}; not judged"
    return (
        f"{said}; the noise allows {_points(one.tolerance.limit)}; "
        f"a true loss of {_points(one.tolerance.detectable)} fires with 95 %"
    )


def headline(gate: Gate) -> str:
    """The outcome in one line."""
    judged, fell, weak = len(gate.judged), len(gate.of("regression")), len(gate.of("underpowered"))
    of = f"{judged} metric{'s' if judged > 1 else ''} judged"
    if fell:
        return f"REGRESSION: {fell} of {of} fell by more than the noise allows"
    if weak:
        smallest = 100 * gate.rule.smallest_difference
        return f"PASS, BUT UNDERPOWERED: a loss of {smallest:g} points could pass unseen in {weak} of {of}"
    return f"PASS: {of}, none fell by more than the noise allows"


def verdicts(gate: Gate) -> Iterator[str]:
    """A sentence a verdict, regressions first."""
    order: tuple[Verdict, ...] = ("regression", "underpowered", "no regression")
    for verdict in order:
        for pair, one in gate.of(verdict):
            yield f"{verdict}: {sentence(pair, one)}"


def warnings(gate: Gate) -> Iterator[str]:
    """What a reader must know before any verdict."""
    for pair in gate.pairs:
        yield from (f"{pair.benchmark}: {text}." for text in pair.panel.told)
        yield from (f"{pair.benchmark}: {text}." for text in _of_pair(pair, gate))


def _of_pair(pair: Pair, gate: Gate) -> Iterator[str]:
    shares = {one.metric: one.fresh for one in (*pair.judged, *pair.shown) if one.category == ALL}
    if (cut := shares.get("truncated", 0.0)) > MAX_TRUNCATED:
        yield f"unfit: {_points(cut)} % of the fresh responses are cut off (limit {MAX_TRUNCATED:.0%})"
    if 1 - shares["parsed"] > MAX_UNPARSED:
        unread = _points(1 - shares["parsed"])
        yield f"unfit: {unread} % of the fresh responses have no readable answer (limit {MAX_UNPARSED:.0%})"
    old, new = ({(run.origin.get("weights"), run.seed) for run in of.runs} for of in (pair.reference, pair.fresh))
    if any(weights for weights, _ in old & new):
        yield "the fresh result has weights and seed of the reference: no fresh draw, so that it says little of noise"
    if gate.rule.mode == "sampling" and pair.reference.known("weights") != pair.fresh.known("weights"):
        yield "other weights than the reference's: the verdict is on these weights, not on the recipe (--mode training)"
    if any(one.tolerance and one.tolerance.rests_on == "repeats" for one in pair.judged):
        yield "the reference's repeats scatter more than sampling explains: the noise is theirs"
    if any(one.tolerance and -one.fall > one.tolerance.limit for one in pair.judged):
        yield "better by more than the noise: a reference that is too low hides the next regression; record a new one"
    if gate.rule.mode == "sampling" and len(pair.reference.runs) == 1:
        yield "one reference run: that nothing but sampling moves the score is assumed, not measured"


def flip_line(one: Flipped) -> str:
    """A flipped question, with the share of responses that were right before and now."""
    return f"{one.id} ({one.category}): {one.before:.0%} of the responses right, now {one.after:.0%}"


def _points(share: float) -> str:
    return f"{100 * share:.2f}"
