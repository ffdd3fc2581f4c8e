"""A certificate as a value: named checks, each passed, failed, or not checkable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

CheckOutcome = Literal["passed", "failed", "not checkable"]
NAMES = ("loss", "advantages", "curriculum", "similarity", "invalid gradients", "budget", "groups", "data")
"""Names of the checks, in the order in which they are shown."""


@dataclass(frozen=True, slots=True)
class CertificateCheck:
    """One claim about a run, compared with its log.

    Raises:
        ValueError: for an unknown name or outcome.
    """

    name: str
    """One of `NAMES`."""
    outcome: CheckOutcome
    detail: str
    """Passed: what was compared; failed: the first place where it fails; not checkable: the reason."""

    def __post_init__(self) -> None:
        if self.name not in NAMES or self.outcome not in ("passed", "failed", "not checkable"):
            raise ValueError(f"no such check: {self.name!r} {self.outcome!r}")


def passed(name: str, detail: str) -> CertificateCheck:
    """A claim that holds."""
    return CertificateCheck(name, "passed", detail)


def failed(name: str, detail: str) -> CertificateCheck:
    """A claim that does not hold."""
    return CertificateCheck(name, "failed", detail)


def not_checkable(name: str, reason: str) -> CertificateCheck:
    """A claim that the log cannot decide."""
    return CertificateCheck(name, "not checkable", reason)


@dataclass(frozen=True, slots=True)
class Certificate:
    """All checks of one training, and the numbers that tables compare.

    Raises:
        ValueError: unless there is exactly one check of each of `NAMES`.
    """

    checks: tuple[CertificateCheck, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)
    """`steps`, `completions` (that a step learned from), `rollout_tokens`, and `invalid_gradients`: the mean share of
    constant groups."""

    def __post_init__(self) -> None:
        if sorted(check.name for check in self.checks) != sorted(NAMES):
            raise ValueError(f"a certificate has one check of each of {', '.join(NAMES)}")

    @property
    def failed(self) -> tuple[CertificateCheck, ...]:
        """The checks that failed."""
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
        ValueError, KeyError, TypeError: when the content is not a certificate.
    """
    return Certificate(tuple(CertificateCheck(**check) for check in content["checks"]), dict(content["facts"]))


def as_text(certificate: Certificate) -> str:
    """One line per check, then a summary. Unchecked claims are counted, so that an empty certificate looks empty."""
    lines = [f"{check.outcome:13}  {check.name:17}  {check.detail}" for check in certificate.checks]
    if certificate.failed:
        summary = f"certificate failed: {', '.join(check.name for check in certificate.failed)}"
    else:
        count = sum(check.outcome == "passed" for check in certificate.checks)
        summary = f"nothing failed: {count} checks passed, {len(certificate.checks) - count} not checkable"
    return "\n".join([*lines, summary])
