"""Curves: what figures need of a training log, small enough to commit. One training is three files.

FOLDER/<benchmark>/<model>/<method>/seed<k>.parquet       one row a group: `COLUMNS`
FOLDER/<benchmark>/<model>/<method>/seed<k>.json          what was trained, by which commit, and a few whole groups
FOLDER/<benchmark>/<model>/<method>/seed<k>.seconds.csv   wall-clock of each step, which no two runs share

`distil` is a pure function of the log and the record beside it, so the same log gives the same bytes but for seconds.

What a group of G responses to one question tells: is there anything to learn from, and how unlike are they?

All three are pure functions of one group. The paper's Fig. 6: "We define a group as invalid if all responses within it
are incorrect"; diversity it only shows (Fig. 2), so distinct responses and the entropy of choices are our measures.

Example:
    >>> invalid([0.0, 0.0]), distinct(["A", None, "A", None]), entropy_bits(["A", "A", "B", None])
    (True, 2, 1.5)
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import log2
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.files import whole_file, write_whole
from anatomy_r1.training.group_samples import SampleGroup, sample_groups
from anatomy_r1.training.training_log import ACCURACY, read


def invalid(accuracies: Sequence[float]) -> bool:
    """Whether all responses are wrong, by the accuracy reward alone: form does not make a group valid.

    Raises:
        ValueError: for an empty group.
    """
    return _some(accuracies) and max(accuracies) <= 0


def distinct(values: Sequence[Hashable]) -> int:
    """Number of different responses, 1 to G; for choices, all that were not parsed (None) are one class of their own.

    Raises:
        ValueError: for an empty group.
    """
    return len(set(values)) if _some(values) else 0


def entropy_bits(choices: Sequence[Hashable]) -> float:
    """Shannon entropy of the choices in bits, 0 to log2 G; what was not parsed (None) is a class of its own.

    Plug-in estimate from G draws: it is biased downwards, alike for all methods of one G.

    Raises:
        ValueError: for an empty group.
    """
    total = len(choices) if _some(choices) else 0
    return sum(count / total * log2(total / count) for count in Counter(choices).values())


def _some(values: Sequence[object]) -> bool:
    if not len(values):
        raise ValueError("an empty group: a group has at least one response")
    return True


SCHEMA_VERSION = 1
COLUMNS = (
    "step",
    "group",
    "draw",
    "anatomy",
    "level",
    "members",
    "reward",
    "accuracy",
    "invalid",
    "similarity",
    "distinct_choices",
    "entropy_bits",
    "distinct_texts",
    "tokens",
)
"""`draw` is 0 for the batch's own questions; `reward` is the mean over members of the sum of all reward functions,
`accuracy` that of the accuracy reward; `similarity` is S(q) of the options served, missing where it is unknown;
`distinct_texts` is missing but for the steps whose texts the log holds; `tokens` is the sum over members."""
_WITH_GAPS = {"level": "Int64", "distinct_texts": "Int64"}


@dataclass(frozen=True)
class Curves:
    """One training."""

    profile: str
    benchmark: str
    model: str
    method: str
    seed: int
    own_steps: int
    """Steps of the method's own budget; the log may go on for the arm of equal tokens."""
    commit: str
    """Code that trained, `+` at its end where files differed from it."""
    samples: tuple[SampleGroup, ...]
    groups: pd.DataFrame
    """One row a group, columns `COLUMNS`, in the order in which they were served."""
    seconds: pd.DataFrame
    """Columns `step` and `seconds`."""

    @property
    def key(self) -> str:
        """Path below the folder, without suffix."""
        return f"{self.benchmark}/{self.model}/{self.method}/seed{self.seed}"


def distil(log: Path, record: Mapping[str, Any], profile: str) -> Curves:
    """Curves from a training log and the `training.json` beside it.

    Raises:
        ValueError: when the log has another schema.
        AnatomyR1Error: when nothing was sampled in this training, or the record names no cell.
    """
    rollouts = read(log, "rollouts")
    if ACCURACY not in rollouts:
        raise AnatomyR1Error(f"{log}: no sampled groups (supervised training has none); there are no curves of it")
    try:
        cell, arguments = record["plan"]["cell"], record["plan"]["arguments"]
        benchmark, model, method, seed = str(cell).split("/")
    except (KeyError, ValueError) as error:
        raise AnatomyR1Error(f"{log.parent}: its record names no cell ({error!r}); train it again") from error
    own = int(arguments.get("own_steps") or arguments["max_steps"])
    return Curves(
        profile=profile,
        benchmark=benchmark,
        model=model,
        method=method,
        seed=int(seed.removeprefix("seed")),
        own_steps=own,
        commit=_commit(record.get("provenance", {})),
        samples=sample_groups(rollouts[rollouts["step"] <= own]),
        groups=group_table(rollouts),
        seconds=read(log, "steps")[["step", "seconds"]],
    )


def _commit(provenance: Mapping[str, Any]) -> str:
    return str(provenance.get("commit") or "unknown") + ("+" if provenance.get("dirty") else "")


def group_table(rollouts: pd.DataFrame) -> pd.DataFrame:
    """One row a group from `training_log.read(..., "rollouts")`, columns `COLUMNS`."""
    rewards = [name for name in rollouts if str(name).startswith("reward_")]
    whole = rollouts.assign(total=rollouts[rewards].sum(axis=1))
    rows = [_group_row(step, group, part) for (step, group), part in whole.groupby(["step", "group_index"], sort=True)]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(_WITH_GAPS)


def _group_row(step: Any, group: Any, part: pd.DataFrame) -> tuple[Any, ...]:
    """Values of `COLUMNS`."""
    first, right, choices = part.iloc[0], part[ACCURACY].tolist(), _choices(part["choice"])
    texts = part["completion"]
    return (
        int(step),
        int(group),
        int(first["draw"]),
        first["anatomy"],
        None if pd.isna(first["level"]) else int(first["level"]),
        len(part),
        part["total"].mean(),
        part[ACCURACY].mean(),
        invalid(right),
        part["similarity"].astype(float).mean(),
        distinct(choices),
        entropy_bits(choices),
        distinct(texts.tolist()) if texts.notna().all() else None,
        int(part["tokens"].sum()),
    )


def _choices(column: pd.Series[Any]) -> list[str | None]:
    """A missing value is None, whatever pandas made of it: NaN does not equal itself."""
    return [None if pd.isna(choice) else str(choice) for choice in column]


def save_curves(folder: Path, curves: Curves) -> Path:
    """Write one training; the JSON comes last and by rename, so a training is there whole or not at all."""
    path = folder / f"{curves.key}.json"
    plain = pa.Table.from_pandas(curves.groups, preserve_index=False).replace_schema_metadata(None)
    with whole_file(path.with_suffix(".parquet")) as temporary:
        pq.write_table(plain, temporary, compression="zstd")
    seconds = curves.seconds.to_csv(index=False, float_format="%.3f", lineterminator="\n")
    write_whole(path.with_suffix(".seconds.csv"), seconds)
    head = {**curves.__dict__, "schema": SCHEMA_VERSION, "samples": [asdict(sample) for sample in curves.samples]}
    head = {key: value for key, value in head.items() if key not in ("groups", "seconds")}
    return write_whole(path, json.dumps(head, indent=1, sort_keys=True) + "\n")


def load_curves(folder: Path) -> list[Curves]:
    """All trainings below `folder`, sorted by key.

    Raises:
        AnatomyR1Error: when a file is not whole or of another schema; names the file and the fix.
    """
    return list(_load_all(folder))


def _load_all(folder: Path) -> Iterator[Curves]:
    for path in sorted(folder.glob("*/*/*/seed*.json")):
        try:
            yield load_one(path)
        except (KeyError, TypeError, ValueError, OSError) as error:
            raise AnatomyR1Error(
                f"{path}: not whole curves ({error}); delete it and run `python -m baselines curves` again"
            ) from error


def load_one(path: Path) -> Curves:
    """One training from its JSON file.

    Raises:
        ValueError: another schema, or a table without a column.
    """
    head = json.loads(path.read_text(encoding="utf-8"))
    if head.pop("schema", None) != SCHEMA_VERSION:
        raise ValueError(f"another schema than {SCHEMA_VERSION}")
    groups, seconds = pd.read_parquet(path.with_suffix(".parquet")), pd.read_csv(path.with_suffix(".seconds.csv"))
    if list(groups.columns) != list(COLUMNS):
        raise ValueError(f"columns {list(groups.columns)}")
    groups = groups.astype(_WITH_GAPS)
    samples = tuple(SampleGroup.from_dict(sample) for sample in head.pop("samples"))
    return Curves(**head, samples=samples, groups=groups, seconds=seconds)
