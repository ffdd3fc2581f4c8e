"""Options of an evaluation, the names of the engines, and the part of its questions that one process asks.

Example:
    >>> EvaluationConfig(style="direct", limit=100).max_new_tokens
    512
    >>> list(Shard.read("2/4").questions(10))
    [1, 5, 9]
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral, Real
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
DTYPES = ("bfloat16", "float16", "float32", "float64", "auto")
OWN_OPTIONS = frozenset({
    "name", "model", "pretrained", "benchmark", "log", "seed", "batch_size", "device", "dtype", "progress"
})  # fmt: skip
"""What every engine is given by `evaluate` itself."""


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
        self._check_numbers()
        if self.dtype is not None and self.dtype not in DTYPES:
            raise AnatomyR1Error(f"dtype {self.dtype}: unknown. Fix: --dtype {DTYPES[0]} (or {', '.join(DTYPES[1:])})")
        if taken := sorted(OWN_OPTIONS & set(self.engine_args or {})):
            raise AnatomyR1Error(f"--engine-arg {taken[0]}: not an engine argument. Fix: use the option of evaluate")

    def _check_numbers(self) -> None:
        for name in ("limit", "batch_size", "max_new_tokens"):
            value = getattr(self, name)
            if value is not None and not _whole(value, 1):
                raise _refused(name, value, "a whole number of at least 1", 512 if name == "max_new_tokens" else 1)
        if not (_whole(self.seed, -(2**63)) and self.seed < 2**63):
            raise _refused("seed", self.seed, "a whole number of 64 bits", 0)
        if not (_finite(self.temperature) and self.temperature > 0):
            raise _refused("temperature", self.temperature, "above 0 and finite", 1.0)
        if not (_finite(self.wait) and self.wait >= 0):
            raise _refused("wait", self.wait, "a number of seconds, 0 or more", 60)


def _whole(value: object, least: int) -> bool:
    return not isinstance(value, bool) and isinstance(value, Integral) and int(value) >= least


def _finite(value: object) -> bool:
    return not isinstance(value, bool) and isinstance(value, Real) and math.isfinite(value)


def _refused(name: str, value: object, right: str, example: float) -> AnatomyR1Error:
    return AnatomyR1Error(f"{name} {value}: must be {right}. Fix: --{name.replace('_', '-')} {example}")
