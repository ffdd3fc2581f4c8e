"""Options of an evaluation, the names of the engines, and the part of its questions that one process asks.

Example:
    >>> EvaluationConfig(style="direct", limit=100).max_new_tokens
    512
    >>> list(Shard.read("2/4").questions(10))
    [1, 5, 9]
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.scoring.metrics import K

if TYPE_CHECKING:
    from pathlib import Path

    from anatomy_r1.data.shown import Images, Options
    from anatomy_r1.prompts import Style


ENGINES = {
    "transformers": "anatomy_r1.evaluation.engines.transformers_engine:TransformersEngine",
    "vllm": "anatomy_r1.evaluation.engines.vllm_engine:VllmEngine",
    "server": "anatomy_r1.evaluation.engines.server_engine:ServerEngine",
}
"""Name -> path of its class, so that naming an engine imports nothing heavy."""


@dataclass(frozen=True, slots=True)
class Shard:
    """Every `count`-th question, starting with number `number`.

    Every shard records the plan of the whole run, so that the merged logs of all shards are the log of the whole run
    (`anatomy_r1.response_log.log.merge`). Seeds and keys do not depend on the shard.
    """

    number: int
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count:
            raise ValueError(f"shard {self}: the first number goes from 1 to the second, as in 1/4, 2/4, 3/4, 4/4")

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    @staticmethod
    def read(text: str) -> Shard:
        """The shard written as `2/4`; a ValueError if it is not of that form."""
        found = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text)
        if not found:
            raise ValueError(f"{text!r} is not a shard such as 2/4, the second of four")
        return Shard(int(found[1]), int(found[2]))

    def questions(self, total: int) -> range:
        """Indices of its questions among `total`. Neighbours, often from one video, go to different shards."""
        if self.number > total:
            raise AnatomyR1Error(f"shard {self}: there are only {total} questions. Fix: at most {total} shards")
        return range(self.number - 1, total, self.count)


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationConfig:
    """Everything about an evaluation besides the benchmark, the data, the model and the log."""

    style: Style = "think"
    wording: str | None = None
    """Prompt wording (`anatomy_r1.prompts.WORDINGS`); None: the benchmark's canonical wording."""
    seed: int = 0
    """Seed of sampling and of the image swap."""
    images: Images = "real"
    """`real`, or a control: `swapped` or `none`."""
    options: Options = "given"
    """`given`, or a control: `rotated`, where each question is asked in every cyclic order of its options."""
    split: str = "test"
    repeats: int = K
    """Sampled responses per question; the metrics are defined for five."""
    temperature: float = 1.0
    """Of the sampled responses."""
    max_new_tokens: int = 512
    """Per response."""
    batch_size: int | None = None
    """Questions per batch; None: the engine's default."""
    limit: int | None = None
    """Ask only the first `limit` questions, with all their rotations."""
    shard: Shard | None = None
    device: str | None = None
    """None: `cuda` if available, else `cpu`."""
    dtype: str | None = None
    """None: the checkpoint's dtype."""
    engine: str = "transformers"
    """Name in `ENGINES`."""
    engine_args: Mapping[str, Any] | None = None
    """Further arguments of the engine, such as a server's `base_url`."""
    results: Path | None = None
    """JSON file for the metrics; None: a file beside the log."""
    wait: float = 0.0
    """Seconds to wait while another process writes the log."""
    progress: bool = True

    def __post_init__(self) -> None:
        if self.repeats != K:
            raise AnatomyR1Error(
                f"repeats {self.repeats}: the metrics are defined over {K} sampled responses. Fix: {K}"
            )
        if self.limit is not None and self.limit < 1:
            raise AnatomyR1Error(f"limit {self.limit}: must be at least 1. Fix: --limit 1")
