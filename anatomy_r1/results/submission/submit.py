"""Take a submission into a store: scored, checked and described first, then written whole or not at all.

The leakage passport of a submission: of the training data that it names, or of none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anatomy_r1.data.leakage.image_hashes import hash_images
from anatomy_r1.data.leakage.passport import Passport, passport, unknown_training
from anatomy_r1.data.leakage.sides import NO_PICTURES, leakage, read_questions
from anatomy_r1.data.locate import find_set
from anatomy_r1.data.prepared import MANIFEST, PreparedSet, load, load_manifest
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.provenance import provenance
from anatomy_r1.results.store import SUBMITTED, Result
from anatomy_r1.results.submission.entry import Entry, alone, check_free, enter, profile_of
from anatomy_r1.results.submission.lm_eval_files import is_results
from anatomy_r1.results.submission.lm_eval_source import from_lm_eval
from anatomy_r1.results.submission.log_source import from_log, from_model
from anatomy_r1.results.submission.submission import STATED, Submission
from anatomy_r1.scoring.validity import unfit

UNKNOWN = "it is not known what it was trained on"


def passport_of(benchmark: str, data: Path, train_data: Sequence[Path]) -> Passport:
    """What the named training data and the test questions share.

    Args:
        benchmark: whose test questions.
        data: prepared set that was asked, or its parent.
        train_data: one prepared set, whose training questions count, or files that `anatomy-r1 data leakage` reads.

    Raises:
        AnatomyR1Error, DataError: when they cannot be read.
    """
    asked = find_set(benchmark, data, "test")
    if not train_data:
        return unknown_training(asked.questions, UNKNOWN)
    folders = [path for path in train_data if path.is_dir()]
    if not folders:
        names = (" + ".join(path.name for path in train_data), "test")
        return passport(read_questions(train_data), asked.questions, names=names, no_hashes=NO_PICTURES)
    if len(train_data) > 1 or not (folders[0] / MANIFEST).is_file():
        raise AnatomyR1Error(f"{folders[0]}: --train-data takes one prepared set, or files. Fix: name one or the other")
    return _of_set(load(folders[0], "train"), asked)


def _of_set(learnt: PreparedSet, asked: PreparedSet) -> Passport:
    if learnt.root.resolve() == asked.root.resolve():
        return leakage(asked.root)
    sides = [hash_images(one.image_root, (q.image for q in one.questions)) for one in (learnt, asked)]
    names = (f"{learnt.root.name} train", "test")
    return passport(learnt.questions, asked.questions, hashes=(sides[0], sides[1]), names=names)


@dataclass(frozen=True)
class Request:
    """What is submitted, and as what.

    `source` is the folder of a checkpoint, a response log, or a results directory or file of lm-eval's.
    """

    source: Path
    data: Path
    store: Path
    model: str
    method: str
    benchmark: str | None = None
    """Needed for a model; elsewhere the source knows, unless it holds several."""
    seed: int | None = None
    """A model's sampling seed; for lm-eval's results the number under which they stand. A log knows its own."""
    run: str | None = None
    """Which run of a log."""
    train_data: tuple[Path, ...] = ()
    profile: str | None = None
    options: Mapping[str, Any] | None = None
    """For a model: `log`, and further arguments of `anatomy_r1.evaluation.evaluate.evaluate`."""


@dataclass(frozen=True)
class Entered:
    """What was written."""

    path: Path
    result: Result
    submission: Submission
    passport: Passport


def submit(request: Request) -> Entered:
    """Score a submission and put it into the store.

    Raises:
        AnatomyR1Error, DataError: when anything is wrong with it; nothing is written then.
    """
    Entry("x", request.model, request.method, request.seed or 0)  # before anything is read
    early = _before_asking(request) if _is_model(request.source) else None
    found = _scored(request)
    scores = found.scores
    entry = Entry(scores.benchmark, request.model, request.method, int(scores.plan["seed"]))
    shared = early or passport_of(scores.benchmark, request.data, request.train_data)
    with alone(request.store):
        profile = profile_of(request.store, entry, scores.plan["questions_sha256"], request.profile)
        result = _result(request, found, entry, profile, shared)
        return Entered(enter(request.store, result), result, found, shared)


def _is_model(source: Path) -> bool:
    return any(source.glob("*.safetensors"))


def _before_asking(request: Request) -> Passport:
    """All that can be wrong with the request is found before the model is asked for hours."""
    if request.benchmark is None or (request.options or {}).get("log") is None:
        fix = "Fix: --benchmark NAME --log FILE"
        raise AnatomyR1Error(f"{request.source}: a model is asked a benchmark's questions, into a response log. {fix}")
    check_free(request.store, Entry(request.benchmark, request.model, request.method, request.seed or 0))
    return passport_of(request.benchmark, request.data, request.train_data)


def _scored(request: Request) -> Submission:
    source, seed = request.source, request.seed
    if _is_model(source):
        options = dict(request.options or {})
        return from_model(str(request.benchmark), request.data, source, seed=seed or 0, **options)
    if is_results(source):
        return from_lm_eval(source, request.data, request.benchmark, seed or 0)
    if source.is_file():
        found = from_log(source, request.data, request.run)
        if seed not in (None, found.scores.plan["seed"]):
            raise AnatomyR1Error(f"{source}: sampled with seed {found.scores.plan['seed']}. Fix: leave --seed out")
        return found
    fix = "Fix: name a folder with *.safetensors, a response log, or a folder with lm-eval's results_*.json"
    raise AnatomyR1Error(f"{source}: holds nothing that can be submitted. {fix}")


def _result(request: Request, found: Submission, entry: Entry, profile: str, shared: Passport) -> Result:
    plan = found.scores.plan
    manifest = load_manifest(find_set(entry.benchmark, request.data, "test").root)
    made = found.provenance()
    if not request.train_data:
        made["submitted"]["not_known"] = ["training data", *made["submitted"]["not_known"]]
    return Result(
        profile=profile,
        benchmark=entry.benchmark,
        model=entry.model,
        method=entry.method,
        arm=SUBMITTED,
        seed=entry.seed,
        style=str(plan["style"]),
        questions=found.questions(),
        provenance={
            **provenance(),
            "data": {key: manifest.get(key) for key in ("questions_sha256", "seed", "generated")},
            **made,
            "leakage": shared.as_dict(),
        },
    )


def told(entered: Entered) -> str:
    """What a person is told: where it stands, what it scored, what differs and what is not known."""
    scores, made = entered.submission.scores, entered.result.provenance["submitted"]
    numbers = "  ".join(f"{name} {scores.overall[name]:.4f}" for name in STATED)
    lines: Sequence[str] = [
        f"{entered.path}: {len(scores.ids)} questions, scored again from the responses",
        numbers,
        *(f"DIFFERS: {one}" for one in entered.submission.differences),
        *(f"UNFIT: {one}" for one in unfit(scores)),
        *([f"not clean: {', '.join(entered.passport.not_clean)}"] if entered.passport.not_clean else []),
        f"not known: {'; '.join(made['not_known']) or 'nothing that the grid records'}",
    ]
    if made["said"] and not entered.submission.differences:
        lines = [*lines[:2], "the submitted numbers are ours, to the last digit", *lines[2:]]
    return "\n".join(lines)
