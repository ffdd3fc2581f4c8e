"""What was aimed at, and whether it was met: ratios of two cases, and the plan's memory against the card's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from baselines.bench.store import Found

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
