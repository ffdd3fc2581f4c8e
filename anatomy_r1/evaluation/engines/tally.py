"""How a run of requests goes, when to give it up, and what to say of those that got no answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from anatomy_r1.evaluation.engines.server_failures import Failure


@dataclass(slots=True)
class Tally:
    """Failures so far."""

    patience: int
    """So many failures without one answer between them end the run: the server is gone."""
    failures: list[Failure] = field(default_factory=list)
    in_a_row: int = 0

    def add(self, failure: Failure | None) -> None:
        """Count one outcome; None is an answer."""
        if failure:
            self.failures.append(failure)
        self.in_a_row = self.in_a_row + 1 if failure else 0

    @property
    def hopeless(self) -> bool:
        """Whether to ask for nothing more."""
        return self.in_a_row >= self.patience or any(failure.cure for failure in self.failures)

    def account(self, server: str, log: Path, lacking: int, wanted: int) -> str:
        """How many of the responses wanted are lacking, why, and the cure; the reasons' numbers add up to `lacking`."""
        ids = list(dict.fromkeys(failure.question_id for failure in self.failures))
        named = ", ".join([*ids[:5], *["..."] * (len(ids) > 5)])
        first = next((failure.cure for failure in self.failures if failure.cure), "see to what is named below")
        head = (
            f"{server}: {lacking} of {wanted} responses are missing ({named}); {wanted - lacking} are in {log}. "
            f"Cure: {first}, then run the same command again; only those missing are asked"
        )
        return "\n".join([head, *(f"  {count} x {reason}" for count, reason in self._reasons(lacking) if count)])

    def _reasons(self, lacking: int) -> Iterator[tuple[int, str]]:
        reasons = Counter(failure.reason for failure in self.failures).most_common()
        yield from ((count, reason) for reason, count in reasons[:8])
        yield sum(count for _, count in reasons[8:]), "other reasons"
        yield lacking - len(self.failures), "not asked: the server gave no answer any more"
