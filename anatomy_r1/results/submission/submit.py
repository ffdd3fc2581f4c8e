"""Submit a model, a response log or an lm-eval run to a result store: score and check it, then write it atomically.

The leakage passport of a submission compares the test questions with the training data that the submitter names.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from anatomy_r1.data.leakage.passport import Passport, hash_images, passport, unknown_training
from anatomy_r1.data.leakage.sides import NO_PICTURES, leakage, read_questions
from anatomy_r1.data.prepared import MANIFEST, find_set, load, load_manifest
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.blind_difference import beside_blind, blind_line
from anatomy_r1.locks import locked
from anatomy_r1.provenance import provenance, stated
from anatomy_r1.response_log.below import logs_below
from anatomy_r1.results.blind_record import with_blind
from anatomy_r1.results.store import RESTORE, SUBMITTED, Result, save_result, store_in
from anatomy_r1.results.submission.lm_eval_files import is_results
from anatomy_r1.results.submission.lm_eval_source import from_lm_eval
from anatomy_r1.results.submission.submission import LITERAL_IMAGE, Submission, from_log, from_model
from anatomy_r1.scoring.report import interval_line
from anatomy_r1.scoring.validity import validity_problems

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,79}")
"""A valid folder name on any system, which cannot lead out of the store."""
UNKNOWN = "it is not known what it was trained on"


@dataclass(frozen=True, slots=True)
class ResultKey:
    """Names under which a submission is stored; one that cannot be the name of a folder is an `AnatomyR1Error`."""

    benchmark: str
    model: str
    method: str
    seed: int

    def __post_init__(self) -> None:
        for what, name in (("benchmark", self.benchmark), ("model", self.model), ("method", self.method)):
            if not _NAME.fullmatch(name) or ".." in name:
                fix = "Fix: letters, digits and . _ + - only, beginning with a letter or digit, at most 80"
                raise AnatomyR1Error(f"--{what} {name[:80]!r}: cannot be the name of a folder. {fix}")
        if not 0 <= self.seed < 2**31:
            raise AnatomyR1Error(f"--seed {self.seed}: expected an integer from 0 to 2**31 - 1")

    @property
    def path(self) -> str:
        """Path below the store, without suffix."""
        return f"{self.benchmark}/{self.model}/{self.method}/{SUBMITTED}/seed{self.seed}"


def check_free(store: Path, key: ResultKey) -> None:
    """Check that no result has this key yet."""
    for suffix in (".json", ".parquet"):
        if (path := store / f"{key.path}{suffix}").exists():
            raise AnatomyR1Error(f"{path}: exists already. Fix: another --method or --seed, or move it away")


def profile_of(store: Path, key: ResultKey, questions_sha256: str, asked: str | None) -> str:
    """The profile of a submission: that of the results in the store, which must answer the same questions."""
    check_free(store, key)
    heads = {path: _head(path) for path in sorted(store.glob("*/*/*/*/seed*.json"))}
    for path, head in heads.items():
        theirs = stated(head, "provenance", "data", "questions_sha256")
        if head.get("benchmark") == key.benchmark and theirs not in (None, questions_sha256):
            fix = "Fix: submit a run on the same prepared set, or name another --store"
            raise AnatomyR1Error(f"{path}: answers other questions of {key.benchmark}. {fix}")
    profiles = sorted({str(head.get("profile")) for head in heads.values()})
    if len(profiles) > 1 or (asked and profiles not in ([], [asked])):
        fix = "Fix: leave --profile out, or name another --store"
        raise AnatomyR1Error(f"{store}: holds results of profile {', '.join(profiles)}. {fix}")
    return asked or (profiles[0] if profiles else "submitted")


def _head(path: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise AnatomyR1Error(f"{path}: not a complete result ({error}). Fix: {RESTORE}") from error
    return content if isinstance(content, Mapping) else {}


def enter(store: Path, result: Result) -> Path:
    """Write a result; a failed write leaves no files."""
    path = store / f"{result.key}.json"
    try:
        return save_result(store, result)
    except OSError as error:
        for suffix in (".tmp", ".parquet", ".json.tmp"):
            path.with_suffix(suffix).unlink(missing_ok=True)
        fix = "Fix: check disk space and permissions, then submit again"
        raise AnatomyR1Error(f"{path}: cannot be written ({error}). {fix}") from error


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
        scores, recorded = self.submission.scores, self.result.provenance["submitted"]
        lines = [f"{self.path}: {len(scores.ids)} questions, scored again from the responses"]
        lines.append(interval_line(scores, truncation_known=self.submission.truncation_known))
        if recorded["said"] and not self.submission.differences:
            lines.append("the submitted numbers equal ours exactly")
        lines += [f"DIFFERS: {one}" for one in self.submission.differences]
        lines += [f"PROMPTS DIFFER: {LITERAL_IMAGE}"] * self.submission.literal_image
        lines += [f"UNFIT: {one}" for one in validity_problems(scores)]
        if self.passport.not_clean:
            lines.append(f"not clean: {', '.join(self.passport.not_clean)}")
        lines.append(blind_line(beside_blind([self.result.questions], [self.result.provenance.get("blind")])))
        lines.append(f"not known: {'; '.join(recorded['not_known']) or 'nothing that the pipeline records'}")
        return "\n".join(lines)


def submit(request: SubmissionRequest) -> StoredSubmission:
    """Score a submission and write it to the store.

    Raises:
        AnatomyR1Error, DataError: Something is wrong with it; nothing is written then.
    """
    request = replace(request, store=store_in(request.store))
    ResultKey("x", request.model, request.method, request.seed or 0)  # checks the names before anything is read
    early = _check_before_evaluation(request) if _is_model(request.source) else None
    submission = _score(request)
    plan, benchmark = submission.scores.plan, submission.scores.benchmark
    key = ResultKey(benchmark, request.model, request.method, int(plan["seed"]))
    leaked = early or passport_of(benchmark, request.data, request.train_data)
    try:
        request.store.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        fix = "Fix: name a folder, which is made if it is missing"
        raise AnatomyR1Error(f"--store {request.store}: no folder ({error.strerror}). {fix}") from error
    with locked(request.store):  # a key that was free when checked is free when written
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
    if source.is_file() and source.suffix not in (".json", ".jsonl"):
        submission = from_log(source, request.data, request.run)
        sampled, answered = submission.scores.plan["seed"], submission.scores.benchmark
        if request.benchmark not in (None, answered):
            raise AnatomyR1Error(f"{source}: answers {answered}, not {request.benchmark}. Fix: leave --benchmark out")
        if seed not in (None, sampled):
            raise AnatomyR1Error(f"{source}: sampled with seed {sampled}. Fix: leave --seed out")
        return submission
    if not source.exists():
        raise AnatomyR1Error(f"{source}: no such file or folder. Fix: name a checkpoint, a response log or a folder")
    fix = "Fix: name a folder with *.safetensors, a response log, or lm-eval's --output_path, with --log_samples"
    there = logs_below(source) if source.is_dir() else []
    fix += f"; logs there: {', '.join(map(str, there))}" if there else ""
    instead = (str(source), str(there[0])) if there else None
    raise AnatomyR1Error(f"{source}: holds nothing that can be submitted. {fix}", instead=instead)


def _result(
    request: SubmissionRequest, submission: Submission, key: ResultKey, profile: str, leaked: Passport
) -> Result:
    root = find_set(key.benchmark, request.data, "test").root
    manifest = load_manifest(root)
    own = submission.provenance()
    if not request.train_data:
        own["submitted"]["not_known"] = ["training data", *own["submitted"]["not_known"]]
    result = Result(
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
    return with_blind(result, root)


def passport_of(benchmark: str, data: Path, train_data: Sequence[Path]) -> Passport:
    """What the test questions of a benchmark share with the named training data."""
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
