"""One evaluation in several parts: which questions a part asks, and one log made of the parts' logs.

Every part notes the whole run's plan, so that the parts' logs together are the log of the whole run, and are scored as
one. What a response says does not depend on the part it was made in: seeds and keys are those of the whole run.

Example:
    >>> list(Shard.read("2/4").questions(10))
    [1, 5, 9]
    >>> merge([Path("part1.sqlite"), Path("part2.sqlite")], Path("whole.sqlite"))     # doctest: +SKIP
    Merged(responses=6000, runs=1)
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from anatomy_r1.errors import AnatomyR1Error


@dataclass(frozen=True, slots=True)
class Shard:
    """Every `count`-th question, from the `number`-th on.

    Raises:
        ValueError: unless 1 <= number <= count.
    """

    number: int
    """From 1 to `count`."""
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count:
            raise ValueError(f"shard {self}: the first number goes from 1 to the second, as in 1/4, 2/4, 3/4, 4/4")

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    @staticmethod
    def read(text: str) -> Shard:
        """`2/4` as a shard.

        Raises:
            ValueError: when it is none.
        """
        found = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text)
        if not found:
            raise ValueError(f"{text!r} is no shard such as 2/4, the second of four")
        return Shard(int(found[1]), int(found[2]))

    def questions(self, total: int) -> range:
        """Places of its questions among `total`, from 0. Neighbours are often of one video: they go to different parts.

        A range, because lm-eval asks of every question whether its place is among them.

        Raises:
            AnatomyR1Error: when no question is left for it.
        """
        if self.number > total:
            raise AnatomyR1Error(f"shard {self}: {total} questions have no such part. Fix: at most {total} parts")
        return range(self.number - 1, total, self.count)
