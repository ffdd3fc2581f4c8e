"""Curves: what figures need of a training log, in files small enough to commit. One training is three files.

FOLDER/<benchmark>/<model>/<method>/seed<k>.parquet       one row per group: `COLUMNS`
FOLDER/<benchmark>/<model>/<method>/seed<k>.json          what was trained, by which commit, and a few sample groups
FOLDER/<benchmark>/<model>/<method>/seed<k>.seconds.csv   wall-clock time of each step, which differs between runs

Where a model has several bases, <model> is <model>@<base> (`anatomy_r1.bases`).

`curves_from_log` is a function of the log and the record beside it only: the same log gives the same bytes, except for
the seconds. Three quantities describe the G responses of a group: whether all are wrong, the number of distinct ones,
and the entropy of their choices. The paper calls a group invalid "if all responses within it are incorrect" (Fig. 6);
this is the column `invalid`, not to be confused with a constant group, whose rewards are all equal. Diversity is only
pictured in the paper (Fig. 2), so its two measures are ours.

Example:
    >>> all_wrong([0.0, 0.0]), distinct(["A", None, "A", None]), entropy_bits(["A", "A", "B", None])
    (True, 2, 1.5)
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import log2
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, Field

from anatomy_r1.bases import RunKey, model_folder, split_model
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.files import atomic_file, write_atomic
from anatomy_r1.training.stored_values import check_columns
from anatomy_r1.training.training_log import ACCURACY, read
from anatomy_r1.validation import Text, parse_json, validated

SCHEMA_VERSION = 1
COLUMNS = (
    "step", "group", "draw", "anatomy", "level", "members", "reward", "accuracy", "invalid", "similarity",
    "distinct_choices", "entropy_bits", "distinct_texts", "tokens",
)  # fmt: skip
"""`draw` is 0 for the batch's own questions. `reward` is the mean over members of the sum of all reward functions,
`accuracy` that of the accuracy reward. `similarity` is S(q) of the options served, missing where it is unknown.
`distinct_texts` is missing for steps whose texts are not logged. `tokens` is the sum over members."""
_KINDS = {
    "step": "int", "group": "int", "draw": "int", "anatomy": "str", "level": "int?", "members": "int",
    "reward": "float", "accuracy": "float", "invalid": "bool", "similarity": "float?", "distinct_choices": "int",
    "entropy_bits": "float", "distinct_texts": "int?", "tokens": "int",
}  # fmt: skip
_WITH_GAPS = {"level": "Int64", "distinct_texts": "Int64"}
LONGEST, CUT = 2000, " [... cut]"
"""Characters kept of a prompt or completion (our choice), and what ends a text that was cut."""


@dataclass(frozen=True)
class SampleGroup:
    """One group with its completions. The texts come from a model: escape them wherever they are shown."""

    step: int
    group: int
    anatomy: str
    question_id: str
    prompt: str
    """The first member's, which GDQA does not augment."""
    completions: tuple[str, ...]
    choices: tuple[str | None, ...]
    right: tuple[bool, ...]

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> SampleGroup:
        """From JSON, where tuples are lists."""
        back: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        return cls(**back)


def sample_groups(rollouts: pd.DataFrame) -> tuple[SampleGroup, ...]:
    """Of the first, middle and last step with texts: the first group that is all wrong (as in Fig. 2), or the first."""
    whole = rollouts[rollouts["completion"].notna() & (rollouts["draw"] == 0)]
    steps = sorted(set(whole["step"]))
    chosen = sorted({steps[0], steps[len(steps) // 2], steps[-1]}) if steps else []
    return tuple(_sample(whole[whole["step"] == step]) for step in chosen)


def _sample(rollouts: pd.DataFrame) -> SampleGroup:
    groups = [part for _, part in rollouts.groupby("group_index", sort=True)]
    part = next((group for group in groups if group[ACCURACY].max() <= 0), groups[0])
    first = part.iloc[0]
    return SampleGroup(
        step=int(first["step"]),
        group=int(first["group_index"]),
        anatomy=str(first["anatomy"]),
        question_id=str(first["question_id"]),
        prompt=_cut(first["prompt"]),
        completions=tuple(map(_cut, part["completion"])),
        choices=tuple(None if pd.isna(choice) else str(choice) for choice in part["choice"]),
        right=tuple(bool(value > 0) for value in part[ACCURACY]),
    )


def _cut(text: object) -> str:
    whole = str(text)
    return whole if len(whole) <= LONGEST else whole[:LONGEST] + CUT


@dataclass(frozen=True)
class Curves:
    """Curves of one training."""

    profile: str
    benchmark: str
    model: str
    method: str
    seed: int
    own_steps: int
    """Steps of the method's own budget; the log may continue for the arm of equal tokens."""
    commit: str
    """Commit of the code that trained, with a final `+` if the working tree differed from it."""
    samples: tuple[SampleGroup, ...]
    groups: pd.DataFrame
    """One row per group, columns `COLUMNS`, in the order served."""
    seconds: pd.DataFrame
    """Columns `step` and `seconds`."""
    base: str = ""
    """Which of the model's bases it started from; empty where the model has one."""

    @property
    def run(self) -> RunKey:
        """Which run of its method it is."""
        return RunKey(self.base, self.seed)

    @property
    def key(self) -> str:
        """Path below the folder, without suffix."""
        return f"{self.benchmark}/{model_folder(self.model, self.base)}/{self.method}/seed{self.seed}"


def curves_from_log(log: Path, record: Mapping[str, Any], profile: str) -> Curves:
    """Curves of a training from its log and its `training.json`; AnatomyR1Error if it sampled nothing."""
    rollouts = read(log, "rollouts")
    if ACCURACY not in rollouts:
        raise AnatomyR1Error(f"{log}: no sampled groups (supervised training has none), so it has no curves")
    try:
        cell, arguments = record["plan"]["cell"], record["plan"]["arguments"]
        benchmark, folder, method, seed = str(cell).split("/")
        model, base = split_model(folder)
    except (KeyError, ValueError) as error:
        raise AnatomyR1Error(f"{log.parent}: its record names no cell ({error!r}). Fix: train it again") from error
    own, provenance = int(arguments.get("own_steps") or arguments["max_steps"]), record.get("provenance", {})
    return Curves(
        profile=profile,
        benchmark=benchmark,
        model=model,
        method=method,
        seed=int(seed.removeprefix("seed")),
        own_steps=own,
        commit=str(provenance.get("commit") or "unknown") + ("+" if provenance.get("dirty") else ""),
        samples=sample_groups(rollouts[rollouts["step"] <= own]),
        groups=group_table(rollouts),
        seconds=read(log, "steps")[["step", "seconds"]],
        base=base,
    )


def group_table(rollouts: pd.DataFrame) -> pd.DataFrame:
    """One row per group, columns `COLUMNS`, from `training_log.read(..., "rollouts")`."""
    totals = rollouts.assign(total=rollouts.filter(like="reward_").sum(axis=1))
    rows = [_group_row(step, group, part) for (step, group), part in totals.groupby(["step", "group_index"], sort=True)]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(_WITH_GAPS)


def _group_row(step: Any, group: Any, part: pd.DataFrame) -> tuple[Any, ...]:
    """Values of `COLUMNS`."""
    first, texts = part.iloc[0], part["completion"]
    # A missing choice becomes None, whatever pandas made of it: NaN does not equal itself.
    choices = [None if pd.isna(choice) else str(choice) for choice in part["choice"]]
    return (
        int(step),
        int(group),
        int(first["draw"]),
        first["anatomy"],
        None if pd.isna(first["level"]) else int(first["level"]),
        len(part),
        part["total"].mean(),
        part[ACCURACY].mean(),
        all_wrong(part[ACCURACY].tolist()),
        part["similarity"].astype(float).mean(),
        distinct(choices),
        entropy_bits(choices),
        distinct(texts.tolist()) if texts.notna().all() else None,
        int(part["tokens"].sum()),
    )


def all_wrong(accuracies: Sequence[float]) -> bool:
    """Whether all responses of a group are wrong, by the accuracy reward only: format does not count."""
    _require_responses(accuracies)
    return max(accuracies) <= 0


def distinct(values: Sequence[Hashable]) -> int:
    """Number of distinct responses, 1 to G; all unparsed choices (None) count as one."""
    _require_responses(values)
    return len(set(values))


def entropy_bits(choices: Sequence[Hashable]) -> float:
    """Shannon entropy of the choices in bits, 0 to log2 G; unparsed choices (None) are a class of their own.

    This plug-in estimate from G samples is biased downwards, equally for all methods with the same G.
    """
    _require_responses(choices)
    total = len(choices)
    return sum(count / total * log2(total / count) for count in Counter(choices).values())


def _require_responses(group: Sequence[object]) -> None:
    if not len(group):
        raise ValueError("an empty group: a group has at least one response")


SUFFIXES = (".parquet", ".seconds.csv", ".json")
"""Of the files of one training, in the order in which they are written."""


def save_curves(folder: Path, curves: Curves) -> Path:
    """Write the files of one training. The JSON comes last and atomically: without it the training does not exist."""
    path = folder / f"{curves.key}.json"
    plain = pa.Table.from_pandas(curves.groups, preserve_index=False).replace_schema_metadata(None)
    with atomic_file(path.with_suffix(".parquet")) as temporary:
        pq.write_table(plain, temporary, compression="zstd")
    seconds = curves.seconds.to_csv(index=False, float_format="%.3f", lineterminator="\n")
    write_atomic(path.with_suffix(".seconds.csv"), seconds)
    head = {**curves.__dict__, "schema": SCHEMA_VERSION, "samples": [asdict(sample) for sample in curves.samples]}
    head = {key: value for key, value in head.items() if key not in ("groups", "seconds") and (key != "base" or value)}
    return write_atomic(path, json.dumps(head, indent=1, sort_keys=True) + "\n")


def load_curves(folder: Path) -> list[Curves]:
    """All trainings below `folder`, sorted by key; AnatomyR1Error if a file is incomplete."""
    found = []
    for path in sorted(folder.glob("*/*/*/seed*.json")):
        try:
            found.append(_load(path))
        except Exception as error:  # pyarrow and pandas raise more than ValueError and OSError
            fix = "restore it from where it came, or write it again with `python -m baselines curves`"
            raise AnatomyR1Error(f"{path}: incomplete curves ({error}). Fix: {fix}") from error
    return found


class _SampleFile(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    step: int
    group: int
    anatomy: Text
    question_id: Text
    prompt: Text
    completions: list[Text]
    choices: list[Text | None]
    right: list[bool]


class _CurvesFile(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    schema_version: int = Field(alias="schema")
    profile: Text
    benchmark: Text
    model: Text
    method: Text
    seed: int
    own_steps: int
    commit: Text
    samples: list[_SampleFile]
    base: Text = ""


def _load(path: Path) -> Curves:
    read = validated(parse_json(path.read_text(encoding="utf-8")), _CurvesFile, where=str(path))
    if read.schema_version != SCHEMA_VERSION:
        raise ValueError(f"another schema than {SCHEMA_VERSION}")
    groups, seconds = pd.read_parquet(path.with_suffix(".parquet")), pd.read_csv(path.with_suffix(".seconds.csv"))
    check_columns(groups, _KINDS, str(path.with_suffix(".parquet")))
    check_columns(seconds, {"step": "int", "seconds": "float"}, str(path.with_suffix(".seconds.csv")))
    head = read.model_dump(exclude={"schema_version", "samples"})
    samples = tuple(SampleGroup.from_dict(sample.model_dump()) for sample in read.samples)
    return Curves(**head, samples=samples, groups=groups.astype(_WITH_GAPS), seconds=seconds)
