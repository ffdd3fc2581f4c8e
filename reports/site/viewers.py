"""Data of the two viewers.

Samples: questions per benchmark, marks and choices per cell, texts separately. Marks and choices are strings of six
characters a question (five samples, then the greedy response), in the order of the benchmark's questions, so that a
list of thousands filters without their texts, which come when a sample is opened.

Rollouts: numbers for every step, and whole groups where the log kept their texts. The paper's Fig. 2 shows a few
selected groups; this has every group of every tenth step, as served and rewarded.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import pandas as pd

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.results.store import Result
from anatomy_r1.scoring.complete_run import CompleteRun
from anatomy_r1.scoring.metrics import K
from anatomy_r1.scoring.strict import extract
from anatomy_r1.training.curves import distinct, entropy_bits
from anatomy_r1.training.training_log import read
from reports.site.run import Benchmark, Pictures

SIX = K + 1
"""Responses per question: the samples, then the greedy one."""
NOTHING = "."
"""In a string of choices: unparsed."""
ABSENT = " "
"""In any of the strings: this cell does not have the question."""
REASONS: dict[str, str] = {
    "letter": "a letter",
    "letter_and_text": "a letter with its own option's text",
    "text": "the exact text of one option",
    "empty": "unparsed: nothing where the answer should be",
    "unclosed_think": "unparsed: the thinking was never closed",
    "unclosed_answer": "unparsed: the answer tag was never closed",
    "nested_tags": "unparsed: tags within tags",
    "several_answers": "unparsed: several answers",
    "text_outside_answer": "unparsed: text outside the tags",
    "letter_out_of_range": "unparsed: a letter that no option has",
    "letter_contradicts_text": "unparsed: a letter with another option's text",
    "unrecognised": "unparsed: neither a letter nor the text of an option",
}
"""Meaning of the extractor's reasons (`anatomy_r1/scoring/strict.py`)."""
REASON_CODES: dict[str, str] = dict(zip(REASONS, "abcdefghijklmnopqrstuvwxyz", strict=False))
"""Reason -> its one-character code."""
SERIES = ("step", "reward", "distinct", "entropy", "idle", "seconds", "tokens")
"""Numbers of a step: mean reward; distinct choices per group; entropy of a group's choices in bits; share of groups
with constant reward, which give no gradient; wall-clock seconds; completion tokens so far."""
_REWARD = "reward_"


def question_rows(
    results: Sequence[Result], benchmark: Benchmark | None, pictures: Pictures
) -> dict[str, tuple[Any, ...]]:
    """Every question that any of the results (of one benchmark) has, by id and in its order.

    A row: (id, cluster, category, family, stem, options, right letter, picture); unknown values are empty.
    """
    rows: dict[str, tuple[Any, ...]] = {}
    for result in results:
        for place in result.questions[["id", "cluster", "category"]].astype(str).itertuples(index=False, name=None):
            rows[place[0]] = (*place, "", "", [], "", "")
    if benchmark is not None:
        for question in benchmark.test.questions:
            if question.id in rows:
                picture = pictures.name(benchmark, question.image)
                asked = (question.family, question.stem, list(question.options), question.letter, picture)
                rows[question.id] = (*rows[question.id][:3], *asked)
    return dict(sorted(rows.items()))


def marks(result: Result, ids: Sequence[str], answers: CompleteRun | None) -> dict[str, str]:
    """Right or wrong as in the result store; with the log also choices, reasons, and truncation.

    Raises:
        AnatomyR1Error: when the log and the store disagree.
    """
    table = result.questions.set_index("id")
    flags = table[[*(f"correct_{repeat}" for repeat in range(K)), "greedy"]].to_numpy(dtype=int).tolist()
    right = {name: "".join(map(str, row)) for name, row in zip(table.index, flags, strict=True)}
    found = {
        "right": _joined(right, ids, SIX),
        "major": _joined(table["major"].astype(int).astype(str).to_dict(), ids, 1),
        "read": _joined(table["parsed"].astype(str).to_dict(), ids, 1),
    }
    if answers is None:
        return found
    choices, reasons, cut = {}, {}, {}
    for question, six in zip(answers.questions, answers.responses, strict=True):
        read = [extract(response.text, question.options) for response in six]
        logged = "".join("01"[one.choice == question.letter] for one in read)
        if logged != right.get(question.id):
            raise AnatomyR1Error(
                f"{result.key}: question {question.id} came out as {right.get(question.id)} in the result store and as "
                f"{logged} by the response log. Fix: run the cell again"
            )
        choices[question.id] = "".join(one.choice or NOTHING for one in read)
        reasons[question.id] = "".join(REASON_CODES[one.reason] for one in read)
        cut[question.id] = "".join("01"[response.finish_reason == "length"] for response in six)
    strings = {"choices": choices, "reasons": reasons, "cut": cut}
    return found | {name: _joined(of, ids, SIX) for name, of in strings.items()}


def _joined(of: Mapping[Any, str], ids: Sequence[str], width: int) -> str:
    return "".join(of.get(name, ABSENT * width) for name in ids)


def texts(ids: Sequence[str], answers: CompleteRun, benchmark: Benchmark, pictures: Pictures) -> dict[str, Any]:
    """Each distinct text once, and for each question which six it has; images only where they differ."""
    sixes = {question.id: six for question, six in zip(answers.questions, answers.responses, strict=True)}
    places: dict[str, int] = {}
    at = [
        places.setdefault(response.text, len(places)) if response else -1
        for name in ids
        for response in sixes.get(name, (None,) * SIX)
    ]
    found: dict[str, Any] = {"texts": list(places), "at": at}
    if answers.plan.get("images", "real") != "real":
        shown = [sixes[name][0].shown if name in sixes else "" for name in ids]
        found["shown"] = [pictures.name(benchmark, image) for image in shown]
    return found


def training(path: Path, benchmark: Benchmark | None, pictures: Pictures) -> dict[str, Any] | None:
    """The data of one training run; None where it sampled nothing, as in supervised fine-tuning.

    Raises:
        ValueError: when the log is of another schema.
    """
    rollouts = read(path, "rollouts")
    if rollouts.empty:
        return None
    names = [name for name in rollouts.columns if name.startswith(_REWARD)]
    rollouts["reward"] = rollouts[names].fillna(0).sum(axis=1)
    # As plain values: reading a frame row by row would be slow.
    kept = rollouts[rollouts["prompt"].notna()].sort_values(["step", "group_index"], kind="stable").to_dict("records")
    groups = groupby(kept, key=lambda row: (row["step"], row["group_index"]))
    return {
        "series": _series(read(path, "steps"), rollouts),
        "rewards": [name.removeprefix(_REWARD) for name in names],
        "groups": [_group(list(group), names, benchmark, pictures) for _, group in groups],
    }


def _series(steps: pd.DataFrame, rollouts: pd.DataFrame) -> list[list[float | None]]:
    groups = rollouts.assign(choice=rollouts["choice"].fillna("")).groupby(["step", "group_index"])
    choices = groups["choice"].agg(list)
    by_group = pd.DataFrame(
        {
            "distinct": choices.map(distinct),
            "entropy": choices.map(entropy_bits),
            "idle": groups["reward"].max() == groups["reward"].min(),
        }
    )
    means = by_group.astype(float).groupby(level=0).mean()
    means["reward"] = rollouts.groupby("step")["reward"].mean()
    means["seconds"] = steps.set_index("step")["seconds"]
    means["tokens"] = steps.set_index("step")["rollout_tokens"]
    means["step"] = means.index
    return [[_number(value) for value in row] for row in means[list(SERIES)].itertuples(index=False)]


def _group(
    group: list[dict[Hashable, Any]], names: list[str], benchmark: Benchmark | None, pictures: Pictures
) -> dict[str, Any]:
    first = group[0]
    question = benchmark.train.get(first["question_id"]) if benchmark else None
    prompts = list(dict.fromkeys(row["prompt"] for row in group))
    return {
        "step": int(first["step"]),
        "group": int(first["group_index"]),
        "question": first["question_id"],
        "anatomy": first["anatomy"],
        "gold": question.answer if question else "",
        "picture": pictures.name(benchmark, question.image) if benchmark and question else "",
        "pictures": len({row["image_hash"] for row in group}),
        "similarity": _number(first["similarity"]),
        "level": _number(first["level"]),
        "draw": int(first["draw"]),
        "kept": bool(first["kept"]),
        "prompts": prompts,
        "members": [_member(row, prompts, names) for row in group],
    }


def _member(row: Mapping[Hashable, Any], prompts: list[str], names: list[str]) -> list[Any]:
    rewards = [_number(row[name]) for name in names]
    choice = row["choice"] if isinstance(row["choice"], str) else ""
    cut = row["finish_reason"] == "length"
    advantage = _number(row["advantage"])
    return [prompts.index(row["prompt"]), row["completion"] or "", choice, rewards, advantage, int(row["tokens"]), cut]


def _number(value: Any) -> float | None:
    """A number with six significant digits; None for a missing value."""
    if value is None or pd.isna(value):
        return None
    number = float(f"{float(value):.6g}")
    return int(number) if number.is_integer() else number
