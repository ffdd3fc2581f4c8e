"""Submit a model, a response log or an lm-eval run to a result store: score and check it, then write it atomically.

The leakage passport of a submission compares the test questions with the training data that the submitter names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anatomy_r1.data.leakage.passport import Passport, hash_images, passport, unknown_training
from anatomy_r1.data.leakage.sides import NO_PICTURES, leakage, read_questions
from anatomy_r1.data.prepared import MANIFEST, find_set, load, load_manifest
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.provenance import provenance
from anatomy_r1.results.store import SUBMITTED, Result
from anatomy_r1.results.submission.entry import ResultKey, alone, check_free, enter, profile_of
from anatomy_r1.results.submission.lm_eval_files import is_results
from anatomy_r1.results.submission.lm_eval_source import from_lm_eval
from anatomy_r1.results.submission.submission import CLAIMED, Submission, from_log, from_model
from anatomy_r1.scoring.validity import validity_problems

UNKNOWN = "it is not known what it was trained on"


@dataclass(frozen=True)
class SubmissionRequest:
    """What is submitted, and under which names."""

    source: Path
    """Folder of a checkpoint, a response log, or a results folder or file of lm-eval."""
    data: Path
    """Prepared set that was or will be asked, or its parent."""
    store: Path
    model: str
    method: str
    benchmark: str | None = None
    """Required for a model; otherwise needed only if the source holds several."""
    seed: int | None = None
    """Sampling seed of a model; for lm-eval, the number under which the result is stored. A log has its own."""
    run: str | None = None
    """Name of the run in a log."""
    train_data: tuple[Path, ...] = ()
    """What the model was trained on: one prepared set, or files that `anatomy-r1 data leakage` reads."""
    profile: str | None = None
    options: Mapping[str, Any] | None = None
    """For a model: `log`, and further arguments of `anatomy_r1.evaluation.evaluate.evaluate`."""


@dataclass(frozen=True)
class StoredSubmission:
    """A submission that was written to a store."""

    path: Path
    result: Result
    submission: Submission
    passport: Passport

    def summary(self) -> str:
        """Text for a terminal: where it is, its scores, what differs and what is not known."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        scores, recorded = self.submission.scores, self.result.provenance["submitted"]
        yield f"{self.path}: {len(scores.ids)} questions, scored again from the responses"
        yield "  ".join(f"{name} {scores.overall[name]:.4f}" for name in CLAIMED)
        if recorded["said"] and not self.submission.differences:
            yield "the submitted numbers equal ours exactly"
        yield from (f"DIFFERS: {one}" for one in self.submission.differences)
        yield from (f"UNFIT: {one}" for one in validity_problems(scores))
        if self.passport.not_clean:
            yield f"not clean: {', '.join(self.passport.not_clean)}"
        yield f"not known: {'; '.join(recorded['not_known']) or 'nothing that the pipeline records'}"


def submit(request: SubmissionRequest) -> StoredSubmission:
    """Score a submission and write it to the store.

    Raises:
        AnatomyR1Error, DataError: when anything is wrong with it; nothing is written then.
    """
    ResultKey("x", request.model, request.method, request.seed or 0)  # checks the names before anything is read
    early = _check_before_evaluation(request) if _is_model(request.source) else None
    submission = _score(request)
    plan, benchmark = submission.scores.plan, submission.scores.benchmark
    key = ResultKey(benchmark, request.model, request.method, int(plan["seed"]))
    leaked = early or passport_of(benchmark, request.data, request.train_data)
    with alone(request.store):
        profile = profile_of(request.store, key, plan["questions_sha256"], request.profile)
        result = _result(request, submission, key, profile, leaked)
        return StoredSubmission(enter(request.store, result), result, submission, leaked)


def _is_model(source: Path) -> bool:
    return any(source.glob("*.safetensors"))


def _check_before_evaluation(request: SubmissionRequest) -> Passport:
    """Find everything that can be wrong with the request before the model runs for hours."""
    if request.benchmark is None or (request.options or {}).get("log") is None:
        fix = "Fix: --benchmark NAME --log FILE"
        raise AnatomyR1Error(f"{request.source}: a model is evaluated on a benchmark, into a response log. {fix}")
    check_free(request.store, ResultKey(request.benchmark, request.model, request.method, request.seed or 0))
    return passport_of(request.benchmark, request.data, request.train_data)


def _score(request: SubmissionRequest) -> Submission:
    source, seed = request.source, request.seed
    if _is_model(source):
        options = dict(request.options or {})
        return from_model(str(request.benchmark), request.data, source, seed=seed or 0, **options)
    if is_results(source):
        return from_lm_eval(source, request.data, request.benchmark, seed or 0)
    if source.is_file():
        submission = from_log(source, request.data, request.run)
        sampled = submission.scores.plan["seed"]
        if seed not in (None, sampled):
            raise AnatomyR1Error(f"{source}: sampled with seed {sampled}. Fix: leave --seed out")
        return submission
    fix = "Fix: name a folder with *.safetensors, a response log, or a folder with lm-eval's results_*.json"
    raise AnatomyR1Error(f"{source}: holds nothing that can be submitted. {fix}")


def _result(
    request: SubmissionRequest, submission: Submission, key: ResultKey, profile: str, leaked: Passport
) -> Result:
    manifest = load_manifest(find_set(key.benchmark, request.data, "test").root)
    own = submission.provenance()
    if not request.train_data:
        own["submitted"]["not_known"] = ["training data", *own["submitted"]["not_known"]]
    return Result(
        profile=profile,
        benchmark=key.benchmark,
        model=key.model,
        method=key.method,
        arm=SUBMITTED,
        seed=key.seed,
        style=str(submission.scores.plan["style"]),
        questions=submission.questions(),
        provenance={
            **provenance(),
            "data": {name: manifest.get(name) for name in ("questions_sha256", "seed", "generated")},
            **own,
            "leakage": leaked.as_dict(),
        },
    )


def passport_of(benchmark: str, data: Path, train_data: Sequence[Path]) -> Passport:
    """What the test questions of a benchmark share with the named training data.

    Raises:
        AnatomyR1Error, DataError: when these cannot be read.
    """
    test = find_set(benchmark, data, "test")
    if not train_data:
        return unknown_training(test.questions, UNKNOWN)
    folders = [path for path in train_data if path.is_dir()]
    if not folders:
        names = (" + ".join(path.name for path in train_data), "test")
        return passport(read_questions(train_data), test.questions, names=names, no_hashes=NO_PICTURES)
    if len(train_data) > 1 or not (folders[0] / MANIFEST).is_file():
        raise AnatomyR1Error(f"{folders[0]}: --train-data takes one prepared set, or files. Fix: name one or the other")
    train = load(folders[0], "train")
    if train.root.resolve() == test.root.resolve():
        return leakage(test.root)
    train_hashes, test_hashes = (hash_images(one.image_root, (q.image for q in one.questions)) for one in (train, test))
    names = (f"{train.root.name} train", "test")
    return passport(train.questions, test.questions, hashes=(train_hashes, test_hashes), names=names)
