"""A certificate as a value: named checks, each passed, failed, or not checkable with the reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Outcome = Literal["passed", "failed", "not checkable"]
NAMES = ("loss", "advantages", "curriculum", "similarity", "invalid gradients", "budget", "groups", "data")
"""What is looked at, in the order in which it is shown."""


@dataclass(frozen=True, slots=True)
class Check:
    """One claim about a run, held against its log.

    Raises:
        ValueError: for a name or an outcome that there is not.
    """

    name: str
    """One of `NAMES`."""
    outcome: Outcome
    detail: str
    """What was compared and how it came out; of a failed check the first place, of an impossible one the reason."""

    def __post_init__(self) -> None:
        if self.name not in NAMES or self.outcome not in ("passed", "failed", "not checkable"):
            raise ValueError(f"no such check: {self.name!r} {self.outcome!r}")


def passed(name: str, detail: str) -> Check:
    """A claim that holds."""
    return Check(name, "passed", detail)


def failed(name: str, detail: str) -> Check:
    """A claim that does not."""
    return Check(name, "failed", detail)


def not_checkable(name: str, reason: str) -> Check:
    """A claim that the log cannot decide."""
    return Check(name, "not checkable", reason)


@dataclass(frozen=True, slots=True)
class Certificate:
    """Every check of one training, and the numbers that tables compare.

    Raises:
        ValueError: unless each of `NAMES` has one check.
    """

    checks: tuple[Check, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)
    """`steps` and `completions` (learned from, a step), `rollout_tokens`, and the mean `invalid_gradients` ratio."""

    def __post_init__(self) -> None:
        if sorted(check.name for check in self.checks) != sorted(NAMES):
            raise ValueError(f"a certificate has one check of each of {', '.join(NAMES)}")

    @property
    def failed(self) -> tuple[Check, ...]:
        """What does not hold."""
        return tuple(check for check in self.checks if check.outcome == "failed")

    def as_dict(self) -> dict[str, Any]:
        """For JSON, with the names of the failed checks first."""
        return {
            "failed": [check.name for check in self.failed],
            "checks": [asdict(check) for check in self.checks],
            "facts": dict(self.facts),
        }


def from_dict(content: Mapping[str, Any]) -> Certificate:
    """Inverse of `Certificate.as_dict`.

    Raises:
        ValueError, KeyError, TypeError: when it is none.
    """
    return Certificate(tuple(Check(**check) for check in content["checks"]), dict(content["facts"]))


def as_text(found: Certificate) -> str:
    """A line a check, then the verdict."""
    lines = [f"{check.outcome:13}  {check.name:17}  {check.detail}" for check in found.checks]
    return "\n".join([*lines, verdict(found)])


def verdict(found: Certificate) -> str:
    """In words; what could not be checked is counted, so that an empty certificate does not read like a good one."""
    if found.failed:
        return f"certificate failed: {', '.join(check.name for check in found.failed)}"
    count = sum(check.outcome == "passed" for check in found.checks)
    return f"nothing failed: {count} checks passed, {len(found.checks) - count} not checkable"
