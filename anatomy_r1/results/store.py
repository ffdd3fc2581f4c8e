"""The result store: one pair of files per result. `baselines` writes it, `reports` reads it.

STORE/<benchmark>/<model>/<method>/<arm>/seed<k>.json     what was run and from what (provenance)
STORE/<benchmark>/<model>/<method>/<arm>/seed<k>.parquet  the question table (`anatomy_r1.scoring.question_table`)

Where a model has several bases, <model> is <model>@<base> (`anatomy_r1.bases`), and the JSON has the key `base`.

Every metric is recomputed from the table, so that a report needs no model, and every number has its questions.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from anatomy_r1.bases import RunKey, model_folder
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.blind_difference import BlindRule, read_rule
from anatomy_r1.files import atomic_file, write_atomic
from anatomy_r1.provenance import stated
from anatomy_r1.response_log.log import ResponseLog
from anatomy_r1.response_log.response import Response
from anatomy_r1.results.stored_file import check_agreement, read_head, read_table
from anatomy_r1.scoring.extraction import reason_counts
from anatomy_r1.scoring.fitness import Fitness, lenient_share, stored_fitness
from anatomy_r1.scoring.question_table import BLIND, COLUMNS, EXTRACTION, ROTATIONS
from anatomy_r1.scoring.report import diagnostics
from anatomy_r1.scoring.score import Scores

RESTORE = (
    "name the result store itself, whose files are BENCHMARK/MODEL/METHOD/ARM/seed*.json; if this file is one of them, "
    "restore it from where it came, or move it away and run its cell again"
)
"""What to do with a file that cannot be read as a result. We may not have made it, so nothing is to be deleted."""
MATCHED = "matched"
"""Arm in which all methods train on the same questions, each with its own budget."""
EQUAL_TOKENS = "equal-tokens"
"""Arm in which all methods with rollouts have sampled the same number of tokens, on the questions of `MATCHED`."""
AS_RELEASED = "as-released"
"""Arm in which the paper's methods train on the authors' files: GDQA and ASC on their own, the others on GRPO.json."""
_CELLS = "*/*/*/*/seed*"
SUBMITTED = "submitted"
"""Arm of results made elsewhere and scored by this project. What they were trained on is stated by the submitter."""


@dataclass(frozen=True)
class Result:
    """One policy or control, evaluated on one benchmark; a `ValueError` names what its table lacks."""

    profile: str
    benchmark: str
    model: str
    method: str
    """Its id, followed by the view if that is not the plain one (`anatomy_r1.evaluation.views`)."""
    arm: str
    """`MATCHED`, `EQUAL_TOKENS`, `AS_RELEASED`, `SUBMITTED`, or a name chosen by the user."""
    seed: int
    """Seed of training and of sampling."""
    style: str
    """Prompt style of the evaluation: `think` or `direct`; `none` for a blind control, which has no prompt."""
    questions: pd.DataFrame
    """One row per question. Columns: `COLUMNS`, all or none of `EXTRACTION` and of `ROTATIONS`, and `BLIND` if the
    provenance names the rule."""
    provenance: dict[str, Any] = field(default_factory=dict)
    """Commit, lock, versions, data hash, arguments of training and sampling, tokens, steps, seconds; `unfit`: reasons
    against using the numbers (`anatomy_r1.scoring.validity`); `blind`: the best rule that sees no image (`BlindRule`),
    or `not_computed`: why there is none."""
    base: str = ""
    """Which of the model's bases it was trained from; empty where the model has one, as in older files."""

    def __post_init__(self) -> None:
        if missing := [column for column in self._columns if column not in self.questions.columns]:
            raise ValueError(f"result {self.key}: the question table lacks {missing}")
        if self.questions["id"].duplicated().any():
            raise ValueError(f"result {self.key}: a question occurs twice in the table")

    @property
    def fitness(self) -> Fitness:
        """Whether its numbers may be used: what was recorded when it was scored, else what its table shows."""
        return stored_fitness(self.provenance.get("unfit"), self.questions)

    @property
    def parsed_lenient(self) -> float | None:
        """Share of the sampled responses that the lenient extractor reads; None if it was not recorded."""
        return lenient_share(stated(self.provenance, "reasons", "lenient"))

    @property
    def has_extraction(self) -> bool:
        """Whether the question table has the lenient extractor's verdicts and the failures in form."""
        return any(column in self.questions.columns for column in EXTRACTION)

    @property
    def has_rotations(self) -> bool:
        """Whether each row is a mean over the rotations of a question's options."""
        return any(column in self.questions.columns for column in ROTATIONS)

    @property
    def has_blind(self) -> bool:
        """Whether the best blind rule is recorded."""
        return isinstance(read_rule(self.provenance.get("blind")), BlindRule)

    @property
    def _columns(self) -> tuple[str, ...]:
        further = (EXTRACTION if self.has_extraction else ()) + (ROTATIONS if self.has_rotations else ())
        return COLUMNS + further + ((BLIND,) if self.has_blind else ())

    @property
    def run(self) -> RunKey:
        """Which run of its system it is."""
        return RunKey(self.base, self.seed)

    @property
    def key(self) -> str:
        """Path of the result below the store, without suffix."""
        return f"{self.benchmark}/{model_folder(self.model, self.base)}/{self.method}/{self.arm}/seed{self.seed}"


def save_result(store: Path, result: Result) -> Path:
    """Write a result atomically: the JSON comes last and by rename, and without it there is no result."""
    path = store / f"{result.key}.json"
    with atomic_file(path.with_suffix(".parquet")) as temporary:
        result.questions[list(result._columns)].to_parquet(temporary, index=False)
    head = {key: value for key, value in asdict(result).items() if key != "questions" and (key != "base" or value)}
    return write_atomic(path, json.dumps(head, indent=1, sort_keys=True) + "\n")


def load_result(path: Path) -> Result:
    """Read one result from its JSON file.

    Raises:
        AnatomyR1Error: The file or its table is not complete, or the table does not give the metrics in the file.
    """
    head, table = read_head(path, RESTORE), read_table(path, RESTORE)
    try:
        result = Result(**head, questions=table)
    except ValueError as error:
        raise AnatomyR1Error(f"{path}: not a complete result ({error}). Fix: {RESTORE}") from error
    check_agreement(path, result.provenance, table)
    return result


def load_cell(path: Path, key: str = "") -> Result:
    """Read a result of a store or of a folder of one, which must be named as it says: by its seed, or by all of `key`.

    Raises:
        AnatomyR1Error: as `load_result`; or it has another name, as a copy has, which would count as a further seed.
    """
    result = load_result(path)
    if path.stem != f"seed{result.seed}" or (key and key != result.key):
        raise AnatomyR1Error(
            f"{path}: says that it is {result.key}, so it is a copy or was renamed; this seed occurs twice, or another "
            "one is missing. Fix: move it and its Parquet file away, or restore what it replaced"
        )
    return result


def cell_files(folder: Path, pattern: str) -> list[Path]:
    """The JSON files of the results in `folder`, by path; an `AnatomyR1Error` if a table has lost its own."""
    cells = sorted(folder.glob(f"{pattern}.json"))
    known = {path.with_suffix("") for path in cells}
    for table in sorted(folder.glob(f"{pattern}.parquet")):
        if table.with_suffix("") not in known:
            path = table.with_suffix(".json")
            fix = "Fix: restore it, or run its cell again; or move the table away"
            raise AnatomyR1Error(f"{path}: is missing, but its table is there, so a result was lost. {fix}")
    return cells


def load_results(store: Path, keep: Iterable[str] | None = None) -> list[Result]:
    """All results of the store at `store` or in it (`store_in`), by path; with `keep`, those with one of these keys.

    Raises:
        AnatomyR1Error: as `load_cell`, or a table has no JSON.
    """
    store = store_in(store)
    cells = {path.relative_to(store).with_suffix("").as_posix(): path for path in cell_files(store, _CELLS)}
    wanted = cells if keep is None else cells.keys() & set(keep)
    return [load_cell(path, key) for key, path in cells.items() if key in wanted]


def sampling_record(scores: Scores, *, truncation_known: bool = True) -> dict[str, Any]:
    """Provenance that follows from the responses: what was asked, metrics (as far as known), reasons, diagnostics."""
    return {
        "sampling": dict(scores.plan),
        "metrics": {k: v for k, v in scores.overall.items() if truncation_known or k != "truncation_rate"},
        "reasons": reason_counts(scores.extractions),
        **diagnostics(scores),
    }


def sampling_cost(log: Path, weights: str, benchmark: str) -> dict[str, float | None]:
    """Tokens generated and seconds spent by these weights on a benchmark; the log may hold other responses too.

    `tokens` is None where a server did not count those of every response.
    """
    with ResponseLog(log, read_only=True) as opened:
        return cost_of(one for one in opened.rows() if (one.key.weights, one.key.benchmark) == (weights, benchmark))


def cost_of(responses: Iterable[Response]) -> dict[str, float | None]:
    """`sampling_cost` of these responses."""
    rows = [(one.prompt_tokens, one.tokens, one.seconds) for one in responses]
    known = all(prompt or tokens for prompt, tokens, _ in rows)
    tokens = sum(tokens for _, tokens, _ in rows) if known else None
    return {"tokens": tokens, "seconds": sum(seconds for _, _, seconds in rows)}


def store_in(path: Path) -> Path:
    """The result store in the folder of a run: runs keep theirs in `results/`, committed ones in `store/`.

    `path` itself if it holds neither. That folder may hold files that look like results, such as training curves.
    """
    inside = (path / "store", path / "results")
    return next((folder for folder in inside if next(folder.glob(f"{_CELLS}.json"), None)), path)


def find_store(path: Path) -> Path:
    """The result store at `path`, or in it, as `store_in` finds it.

    Raises:
        AnatomyR1Error: when there is none, or it is empty.
    """
    folder = store_in(path)
    if next(folder.glob(f"{_CELLS}.json"), None):
        return folder
    problem = "no results in it" if path.is_dir() else "no such folder"
    raise AnatomyR1Error(f"{path}: {problem}. Fix: name a result store, or the folder of a run (runs/mini)")
