"""A certificate as a value, and the evidence that it is made from: a log, recorded batches, and the stated plan."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from anatomy_r1.data.prepared import PreparedSet
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.files import file_sha256
from anatomy_r1.training.curriculum import LevelRule
from anatomy_r1.training.similarity import Similarity, load_similarity
from anatomy_r1.training.stored_values import read_record
from anatomy_r1.training.training_log import (
    ACCURACY,
    BATCHES,
    LOG_NAME,
    SETTINGS_NAME,
    RecordedBatch,
    read,
    read_batches,
)

CheckOutcome = Literal["passed", "failed", "not checkable"]
NAMES = (
    "loss", "advantages", "rewards", "curriculum", "similarity", "invalid gradients", "budget", "groups", "data"
)  # fmt: skip
"""Names of the checks, in the order in which they are shown."""


@dataclass(frozen=True, slots=True)
class CertificateCheck:
    """One claim about a run, compared with its log."""

    name: str
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
    """All checks of one training, one of each of `NAMES`, and the numbers that tables compare."""

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
    """Inverse of `Certificate.as_dict`; ValueError, KeyError or TypeError if it is no certificate.

    One that was made before rewards were checked says so.
    """
    checks = [CertificateCheck(**check) for check in content["checks"]]
    if all(check.name != "rewards" for check in checks):
        checks.insert(NAMES.index("rewards"), not_checkable("rewards", "certified before rewards were checked"))
    return Certificate(tuple(checks), dict(content["facts"]))


def as_text(certificate: Certificate) -> str:
    """One line per check, then a summary. Unchecked claims are counted, so that an empty certificate looks empty."""
    lines = [f"{check.outcome:13}  {check.name:17}  {check.detail}" for check in certificate.checks]
    if certificate.failed:
        summary = f"certificate failed: {', '.join(check.name for check in certificate.failed)}"
    else:
        count = sum(check.outcome == "passed" for check in certificate.checks)
        summary = f"nothing failed: {count} checks passed, {len(certificate.checks) - count} not checkable"
    return "\n".join([*lines, summary])


NO_SET = "needs the training questions: name their prepared set"
NO_SIMILARITY = "no similarities at hand (the run logged none, or the file that it followed is not here)"
"""Why a check that needs `training_set` or `similarity` is not checkable."""


@dataclass(frozen=True)
class Evidence:
    """What the checks compare: the log of a training with its stated plan."""

    plan: Mapping[str, Any]
    """`plan` of training.json: method, arguments, data."""
    spent: Mapping[str, Any]
    """`spent` of training.json: steps and tokens of the method's own budget."""
    steps: pd.DataFrame
    rollouts: pd.DataFrame
    served: pd.DataFrame
    """Examples of supervised fine-tuning; empty in logs that predate certificates."""
    batches: tuple[RecordedBatch, ...] = ()
    training_set: PreparedSet | None = None
    """The stated training questions; without them, checks that need them are not checkable."""
    similarity: Similarity | None = None
    equal_tokens: Mapping[str, Any] | None = None
    """`equal_tokens` of training.json: where the policy of that arm was kept; None without one."""

    @property
    def arguments(self) -> Mapping[str, Any]:
        """Trainer arguments."""
        return dict(self.plan["arguments"])

    @property
    def samples(self) -> bool:
        """Whether the method samples completions, as all reinforcement learning does."""
        return "num_generations" in self.arguments

    @property
    def members(self) -> int:
        """G, completions per group."""
        return int(self.arguments["num_generations"])

    @property
    def own_steps(self) -> int:
        """Steps of the method's own budget."""
        return int(self.arguments.get("own_steps") or self.arguments["max_steps"])

    @property
    def level_rule(self) -> LevelRule:
        """The rule by which the curriculum's level rises."""
        count, window, threshold = (self.arguments[f"level_{name}"] for name in ("count", "window", "threshold"))
        return LevelRule(int(count), int(window), float(threshold))

    @property
    def totals(self) -> pd.Series:
        """Total reward of every rollout: the weighted sum over reward functions."""
        rewards = self.rollouts.filter(like="reward_")
        weights = self.arguments.get("reward_weights") or [1.0] * rewards.shape[1]
        return (rewards * weights).sum(axis=1)


def load_evidence(folder: Path, training_set: PreparedSet | None = None) -> Evidence:
    """Evidence from a training's folder (or from the log in it); AnatomyR1Error if it holds no training."""
    named, folder = folder, folder.parent if folder.is_file() else folder
    log = folder / LOG_NAME
    try:
        record = read_record(folder / SETTINGS_NAME)
        steps, rollouts, served = (read(log, table) for table in ("steps", "rollouts", "served"))
        if not len(rollouts):
            rollouts = rollouts.assign(**{ACCURACY: pd.Series(dtype=float)})  # the checks fail in words without rows
        batches = tuple(read_batches(folder / BATCHES))
        tables, kept = (steps, rollouts, served, batches), record.get("equal_tokens")
        evidence = Evidence(record["plan"], record["spent"], *tables, training_set, equal_tokens=kept)
        if evidence.arguments.get("curriculum") in ("levels", "pool"):
            evidence.level_rule  # noqa: B018  (raises if the plan does not state it)
        source = evidence.arguments.get("similarity")
    except (OSError, ValueError, KeyError, TypeError, sqlite3.Error, pd.errors.DatabaseError) as error:
        fix = f"name the folder of a finished training, with {LOG_NAME} and {SETTINGS_NAME}"
        runs = [path.parent for depth in range(1, 7) for path in sorted(folder.glob(f"{'*/' * depth}{LOG_NAME}"))]
        fix += f", such as {runs[0]}" if runs else ""
        instead = (str(named), str(runs[0])) if runs else None
        reason = "no such file" if isinstance(error, FileNotFoundError) else f"{type(error).__name__}: {error}"
        raise AnatomyR1Error(f"{named}: no training to certify ({reason}). Fix: {fix}", instead=instead) from error
    return replace(evidence, similarity=_similarity_of(evidence.plan, source))


def _similarity_of(plan: Mapping[str, Any], source: str | None) -> Similarity | None:
    """The similarities that a training followed; None where its file is not here, or has been made anew since."""
    followed = plan.get("similarity_sha256")
    if followed and source and not (Path(source).is_file() and file_sha256(Path(source)) == followed):
        return None
    return load_similarity(source, needed=False)
