"""Response log -> scores, without a model. lm-eval's numbers for the same run are equal to the last digit.

Example:
    >>> scores = score(Path("log.sqlite"), Path("prepared/sgg"))      # doctest: +SKIP
    >>> scores.overall["avg@5"], scores.by_category["Liver"]["n"]     # doctest: +SKIP
    (0.265, 104)
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anatomy_r1.engines.sampling import Sampling
from anatomy_r1.errors import AnatomyR1Error, IncompleteError
from anatomy_r1.extraction import extraction_columns, extraction_rates
from anatomy_r1.locate import find_set
from anatomy_r1.metrics import K, avg_at_k, major_at_k, majority, parse_rate, pass_at_1
from anatomy_r1.outcome import Outcome, outcome
from anatomy_r1.question import Question
from anatomy_r1.response import Decoding, Response
from anatomy_r1.responses import ResponseLog
from anatomy_r1.rotations import original, prompted

if TYPE_CHECKING:
    import pandas as pd

Slot = tuple[str, str, int]
"""Question id, decoding, repeat."""


@dataclass(frozen=True)
class Scores:
    """What a run's responses say; all per-question fields in the prepared set's order."""

    benchmark: str
    run: str
    """Name of the run in the log."""
    plan: Mapping[str, Any]
    """What the run asked for: prompt style, pictures, split, seed, limit, weights, decoding."""
    ids: tuple[str, ...]
    clusters: tuple[str, ...]
    categories: tuple[str, ...]
    gold: tuple[str, ...]
    """Letter of the right option."""
    choices: tuple[tuple[str | None, ...], ...]
    """Five a question: what each sampled response chose."""
    greedy: tuple[str | None, ...]
    """What the greedy response chose."""
    reasons: tuple[tuple[str, ...], ...]
    """Five a question: how the extractor came to the choice, or why to none; then the greedy one's."""
    truncated: tuple[int, ...]
    """Of the five, how many ended at the token limit."""
    outcomes: tuple[tuple[Outcome, ...], ...]
    """Five a question, then the greedy one's: both extractors' verdicts, and what went wrong with the form."""
    distinct: tuple[int, ...]
    """Of the five, how many different texts."""
    asked: int
    """Questions that the run asked for, as the data's manifest counts them."""
    overall: Mapping[str, float]
    """Means over questions (see `summary` and `anatomy_r1.extraction.extraction_rates`)."""
    by_category: Mapping[str, Mapping[str, float]]
    """The same by category."""
    prompts: str = ""
    """Identity of all prompts as the model read them, chat template included: 16 hex digits."""
    options: tuple[int, ...] = ()
    """How many each question has."""

    @property
    def rotated(self) -> bool:
        """Whether every rotation of the options was asked; all fields then have a rotation for a question."""
        return bool(self.plan.get("options", "given") == "rotated")

    def table(self) -> pd.DataFrame:
        """One row a question, as the result store wants it (`anatomy_r1.results.COLUMNS`, then `EXTRACTION`).

        Where every rotation was asked, means over a question's rotations, then `ROTATIONS`.
        """
        import pandas as pd

        from anatomy_r1.rotation_scores import folded

        columns: dict[str, Any] = {"id": self.ids, "cluster": self.clusters, "category": self.categories}
        for repeat in range(K):
            columns[f"correct_{repeat}"] = [c[repeat] == gold for c, gold in zip(self.choices, self.gold, strict=True)]
        columns["major"] = [majority(c) == gold for c, gold in zip(self.choices, self.gold, strict=True)]
        columns["greedy"] = [choice == gold for choice, gold in zip(self.greedy, self.gold, strict=True)]
        columns["parsed"] = [sum(choice is not None for choice in c) for c in self.choices]
        columns["truncated"] = self.truncated
        table = pd.DataFrame(columns | extraction_columns(self.outcomes, self.gold))
        return folded(table, self) if self.rotated else table


def question_metrics(sampled: Sequence[str | None], greedy: str | None, gold: str) -> dict[str, float]:
    """Metrics of one question; scores from the log and lm-eval's are both means of these.

    Raises:
        AnatomyR1Error: when there are not five sampled responses.
    """
    if len(sampled) != K:
        raise AnatomyR1Error(f"{len(sampled)} sampled responses to a question; the metrics are defined over {K}")
    return {
        f"avg@{K}": avg_at_k(sampled, gold),
        "pass@1": float(pass_at_1(sampled, gold)),
        f"major@{K}": float(major_at_k(sampled, gold)),
        "greedy": float(greedy == gold),
        "parse_rate": parse_rate(sampled),
    }


@dataclass(frozen=True)
class Answered:
    """One run's responses, whole: each question of it with its six, no slot missing and none twice."""

    run: str
    plan: Mapping[str, Any]
    questions: tuple[Question, ...]
    """In the prepared set's order."""
    responses: tuple[tuple[Response, ...], ...]
    """Six a question: the five sampled ones in order, then the greedy one."""
    asked: int
    """Questions that the run asked for, as the data's manifest counts them."""


def answered(log: Path, data: Path, run: str | None = None) -> Answered:
    """The responses of one run of a log; `run` names it where the log holds several.

    Raises:
        IncompleteError: when a response is missing.
        AnatomyR1Error: when the run is not unique, the data are not those it used, or a response is doubled or of a
            question that the data do not have.
    """
    with ResponseLog(log, read_only=True) as opened:
        name, plan = _pick_run(log, opened.runs(), run)
        prepared = find_set(plan["benchmark"], data, plan["split"])
        if prepared.manifest["questions_sha256"] != plan["questions_sha256"]:
            raise AnatomyR1Error(f"{prepared.root}: not the questions that run {name} of {log} was asked. Cure: --data")
        found = list(filter(_belongs(plan), opened.rows()))
    given = prepared.questions[: plan["limit"]]
    questions = prompted(given, plan.get("options", "given"))
    by_slot = _by_slot(log, found, questions, {question.id for question in prepared.questions})
    counted = prepared.manifest["counts"][plan["split"]]["questions"]
    asked = counted if plan["limit"] is None else min(counted, plan["limit"])
    return Answered(name, plan, tuple(questions), _sixes(questions, by_slot), asked + len(questions) - len(given))


def score(log: Path, data: Path, run: str | None = None) -> Scores:
    """Score one run of a log; `run` names it where the log holds several.

    Raises:
        AnatomyR1Error: as `answered`.
    """
    return _score(answered(log, data, run))


def summary(metrics: Sequence[Mapping[str, float]], truncated: Sequence[int]) -> dict[str, float]:
    """Means of the metrics over questions, number of questions, and share of truncated responses."""
    means = {name: sum(one[name] for one in metrics) / len(metrics) for name in metrics[0]}
    return {"n": len(metrics), **means, "truncation_rate": sum(truncated) / (K * len(truncated))}


def _pick_run(log: Path, runs: dict[str, dict[str, Any]], name: str | None) -> tuple[str, dict[str, Any]]:
    if name is None and len(runs) == 1:
        return next(iter(runs.items()))
    if name in runs:
        return str(name), runs[str(name)]
    told = ("benchmark", "style", "images", "split", "seed", "limit", "weights")
    lines = [f"  {run}: " + ", ".join(f"{key} {plan[key]}" for key in told) for run, plan in runs.items()]
    what = f"no run {name}" if name else f"{len(runs)} runs"
    raise AnatomyR1Error("\n".join([f"{log}: holds {what}. Cure: name one with --run", *lines]))


def _belongs(plan: Mapping[str, Any]) -> Callable[[Response], bool]:
    """Whether a response is one of those that the plan asked for; all of one kind have the same sampling, read once."""

    @cache
    def as_planned(decoding: Decoding, sampling: str) -> bool:
        planned = dict(plan["decoding"])
        temperature = planned.pop("temperature") * (1.0 if decoding == "sample" else 0.0)
        stated = Sampling(decoding, temperature, planned.pop("max_new_tokens"))
        return bool(json.loads(sampling) == {**planned, **stated.as_dict()})

    def belongs(response: Response) -> bool:
        key = response.key
        stated = {"benchmark": key.benchmark, "weights": key.weights, "seed": key.seed}
        stated |= {"style": response.style, "images": response.images}
        return all(plan[name] == value for name, value in stated.items()) and as_planned(key.decoding, key.sampling)

    return belongs


def _by_slot(
    log: Path, found: Sequence[Response], questions: Sequence[Question], known: set[str]
) -> dict[Slot, Response]:
    """Responses by slot, once it is sure that questions in are questions out."""
    slots = [(response.key.question_id, response.key.decoding, response.key.repeat) for response in found]
    wanted = {slot for question in questions for slot in _slots(question)}
    doubled = [slot for slot, count in Counter(slots).items() if count > 1 and slot in wanted]
    _refuse(log, "responses logged twice (prompt or picture changed in between)", doubled, "start a new --log")
    foreign = [slot for slot in slots if original(slot[0])[0] not in known]
    _refuse(log, "responses to questions that the data do not have", foreign, "name the data it was made with")
    missing = sorted(wanted - set(slots))
    _refuse(log, "responses missing", missing, "run the same `anatomy-r1 evaluate` command again", IncompleteError)
    return dict(zip(slots, found, strict=True))


def _slots(question: Question) -> list[Slot]:
    return [*((question.id, "sample", repeat) for repeat in range(K)), (question.id, "greedy", 0)]


def _refuse(
    log: Path, what: str, slots: Sequence[Slot], cure: str, kind: type[AnatomyR1Error] = AnatomyR1Error
) -> None:
    if slots:
        named = ", ".join(dict.fromkeys(question_id for question_id, _, _ in slots[:5]))
        raise kind(f"{log}: {len(slots)} {what}, of questions {named}, ... Cure: {cure}")


def scores_of(
    name: str, plan: dict[str, Any], questions: Sequence[Question], by_slot: Mapping[Slot, Response], asked: int
) -> Scores:
    """Scores of responses that have been checked: six a question, wherever they are from."""
    return _score(Answered(name, plan, tuple(questions), _sixes(questions, by_slot), asked))


def _sixes(questions: Sequence[Question], by_slot: Mapping[Slot, Response]) -> tuple[tuple[Response, ...], ...]:
    return tuple(tuple(by_slot[slot] for slot in _slots(question)) for question in questions)


def _score(of: Answered) -> Scores:
    plan, questions, responses = of.plan, of.questions, of.responses
    outcomes = tuple(
        tuple(outcome(response, question.options) for response in six)
        for six, question in zip(responses, questions, strict=True)
    )
    gold = tuple(question.letter for question in questions)
    metrics = [_metrics(six, letter) for six, letter in zip(outcomes, gold, strict=True)]
    truncated = tuple(sum(one.truncated for one in six[:K]) for six in outcomes)
    categories = tuple(question.category for question in questions)

    def means(some: Sequence[int]) -> dict[str, float]:
        strict = summary([metrics[i] for i in some], [truncated[i] for i in some])
        return strict | extraction_rates([outcomes[i] for i in some], [gold[i] for i in some])

    return Scores(
        benchmark=plan["benchmark"],
        run=of.run,
        plan=plan,
        ids=tuple(question.id for question in questions),
        clusters=tuple(question.cluster for question in questions),
        categories=categories,
        gold=gold,
        choices=tuple(tuple(one.strict.choice for one in six[:K]) for six in outcomes),
        greedy=tuple(six[K].strict.choice for six in outcomes),
        reasons=tuple(tuple(one.strict.reason for one in six) for six in outcomes),
        truncated=truncated,
        outcomes=outcomes,
        distinct=tuple(len({response.text for response in six[:K]}) for six in responses),
        asked=of.asked,
        overall=means(range(len(questions))),
        by_category={
            category: means([i for i, one in enumerate(categories) if one == category])
            for category in sorted(set(categories))
        },
        prompts=_prompts(responses),
        options=tuple(len(question.options) for question in questions),
    )


def _prompts(responses: Sequence[Sequence[Response]]) -> str:
    hashes = [[one.key.prompt_hash for one in six] for six in responses]
    return hashlib.sha256(json.dumps(hashes).encode()).hexdigest()[:16]


def _metrics(six: Sequence[Outcome], gold: str) -> dict[str, float]:
    return question_metrics([one.strict.choice for one in six[:K]], six[K].strict.choice, gold)
