"""The output of an lm-eval run with `--output_path` and `--log_samples`, read within limits and with strict types.

    results_<date>.json             numbers by task, and the configuration of the run
    samples_<task>_<date>.jsonl     one record per question: document, prompts, responses

With `--output_path DIR` they lie in `DIR/<model>/`. With `--output_path DIR/NAME.json` they lie in `DIR`, and the first
is called `NAME_<date>.json`. An editor may have added a byte order mark, other line ends or blank lines; a last record
that is cut off is refused.

The models below hold the fields that we read; lm-eval owns the files, so all other fields are ignored. The files come
from someone else: sizes are bounded (our limits), JSON is strict, and no name in them becomes a path.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    AliasPath,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
)

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.task_files import benchmarks, task_files
from anatomy_r1.results.submission.submission import CLAIMED

MAX_RESULTS = 64 * 2**20
"""Bytes of a results file. Real ones have some ten thousand."""
MAX_LINE = 64 * 2**20
"""Bytes of one record."""
MAX_TEXT = 1_000_000
"""Characters of one response. 512 tokens are about 3,000."""
_DATED = re.compile(r"(?P<name>.*)_(?P<date>\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d(\.\d{1,6})?)")
"""Stem of a results file: lm-eval takes the date as `datetime.isoformat` writes it, with `-` for `:`."""
AGAIN = "Fix: run lm-eval again, with --output_path DIR --log_samples"

T = TypeVar("T")


def _encodable(text: str) -> str:
    text.encode()  # a UnicodeEncodeError is a ValueError: JSON may hold half a surrogate pair
    return text


def _bounded(text: str) -> str:
    if len(text) > MAX_TEXT:
        raise ValueError(f"a response of {len(text):,} characters; {MAX_TEXT:,} is the limit")
    return text


def _only(value: Any) -> Any:
    """The prompt of a chat backend, which is in a list of one; any other value as it is."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


Prompt = Annotated[str, BeforeValidator(_only), AfterValidator(_encodable)]
ResponseText = Annotated[str, AfterValidator(_encodable), AfterValidator(_bounded)]
OneImage = Annotated[list[Any], Field(min_length=1, max_length=1)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Share = Annotated[Number, Field(ge=0, le=1)]


class _Model(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


class TaskConfig(_Model):
    """The configuration of one of our tasks; `metadata` is what our task file and `--metadata` state."""

    repeats: int
    metadata: dict[str, Any]
    split: str = Field("test", validation_alias=AliasPath("metadata", "split"))
    style: str = Field("think", validation_alias=AliasPath("metadata", "style"))


class ResultsFile(_Model):
    """A results file. The sections by task may hold other tasks, so each of ours is validated separately."""

    results: dict[str, Any]
    configs: dict[str, Any]
    versions: dict[str, Any] = {}
    config: dict[str, Any] = {}
    model: str | None = Field(None, validation_alias=AliasPath("config", "model"))
    model_dtype: str | None = Field(None, validation_alias=AliasPath("config", "model_dtype"))
    model_name: str | None = None
    model_source: str | None = None
    lm_eval_version: str | None = None
    transformers_version: str | None = None
    chat_template_sha: str | None = None
    system_instruction: str | None = None


class Document(_Model):
    """What our task puts into a document, except for the absolute path of the image."""

    id: str
    benchmark: str
    prompt: str
    options: list[str]
    letter: str
    category: str
    cluster: str
    style: str
    images: str
    shown: str


class SampleRecord(_Model):
    """One record of a samples file, without its numbers. The requests are those that the backend received."""

    doc_id: Annotated[int, Field(ge=0)]
    """Number of the document in its task."""
    doc: Document
    resps: list[list[ResponseText]]
    """Sampled responses, then the greedy one in a list of its own."""
    sampled_prompt: Prompt = Field(validation_alias=AliasPath("arguments", "gen_args_0", "arg_0"))
    sampled_arguments: dict[str, Any] = Field(validation_alias=AliasPath("arguments", "gen_args_0", "arg_1"))
    sampled_image: OneImage = Field(validation_alias=AliasPath("arguments", "gen_args_0", "arg_2", "visual"))
    greedy_prompt: Prompt = Field(validation_alias=AliasPath("arguments", "gen_args_1", "arg_0"))
    greedy_arguments: dict[str, Any] = Field(validation_alias=AliasPath("arguments", "gen_args_1", "arg_1"))
    greedy_image: OneImage = Field(validation_alias=AliasPath("arguments", "gen_args_1", "arg_2", "visual"))


_RESULTS, _TASK, _SAMPLE = TypeAdapter(ResultsFile), TypeAdapter(TaskConfig), TypeAdapter(SampleRecord)
_OBJECT, _NUMBERS, _SHARES = TypeAdapter(dict[str, Any]), TypeAdapter(dict[str, Number]), TypeAdapter(dict[str, Share])


@dataclass(frozen=True)
class Task:
    """One of our tasks in a results file."""

    config: TaskConfig
    version: Any
    claimed: Mapping[str, float]
    """The submitted numbers, by `CLAIMED`."""
    samples: Path


@dataclass(frozen=True)
class LmEvalResults:
    """A results file with our tasks of one benchmark."""

    path: Path
    content: ResultsFile
    tasks: Mapping[str, Task]
    benchmark: str


def is_results(path: Path) -> bool:
    """Whether `path` is a results file of lm-eval, a folder with one, or the `--output_path` of a run with one."""
    return bool(_found(path))


def _found(path: Path) -> list[Path]:
    """Results files at `path`, below it, or written for `--output_path path`."""
    if path.is_dir():
        return sorted(file for file in path.rglob("*.json") if _is_dated(file))
    if path.is_file():
        return [path] if _is_dated(path) or path.match("results_*.json") else []
    beside = path.parent.glob("*.json") if path.suffix == ".json" and path.parent.is_dir() else ()
    return sorted(file for file in beside if (of := _DATED.fullmatch(file.stem)) and of["name"] == path.stem)


def _is_dated(file: Path) -> bool:
    return _DATED.fullmatch(file.stem) is not None


def read_results(path: Path, benchmark: str | None) -> LmEvalResults:
    """The results file at `path`, or the only one below that folder, with one of our benchmarks and its samples."""
    found = _found(path)
    if len(found) != 1:
        names = ", ".join(one.name for one in found[:5]) or "none"
        raise AnatomyR1Error(f"{path}: holds {len(found)} results files ({names}). Fix: name one of them")
    (file,) = found
    if file.stat().st_size > MAX_RESULTS:
        raise AnatomyR1Error(f"{file}: more than {MAX_RESULTS // 2**20} MiB, which no results file has. {AGAIN}")
    content = _validated(_RESULTS, _parsed(file.read_bytes(), f"{file}", allow_nan=True), f"{file}")
    by_benchmark: dict[str, list[str]] = {}
    for task in content.configs:
        named = [name for name in benchmarks() if task == name or task.startswith(f"{name}_")]
        if task in task_files() and named:  # the group `anatomy_r1` is of no benchmark
            by_benchmark.setdefault(max(named, key=len), []).append(task)
    if benchmark is None and len(by_benchmark) == 1:
        (benchmark,) = by_benchmark
    if benchmark not in by_benchmark:
        there = ", ".join(sorted(by_benchmark)) or f"none of {', '.join(benchmarks())}"
        raise AnatomyR1Error(f"{file}: holds {there}. Fix: name a benchmark that it holds: --benchmark NAME")
    tasks = {task: _task(file, content, task) for task in by_benchmark[benchmark]}
    return LmEvalResults(file, content, tasks, benchmark)


def _task(file: Path, content: ResultsFile, task: str) -> Task:
    where = f"{file}: task {task}"
    of = _validated(_OBJECT, content.results.get(task), where)
    claimed = _validated(_SHARES, {name: of.get(f"{name},letter") for name in CLAIMED}, where)
    dated = _DATED.fullmatch(file.stem)
    date = dated["date"] if dated else file.stem.removeprefix("results_")
    samples = file.with_name(f"samples_{task}_{date}.jsonl")
    if not samples.is_file():
        raise AnatomyR1Error(f"{samples}: is missing; numbers without their responses are not accepted. {AGAIN}")
    return Task(_validated(_TASK, content.configs[task], where), content.versions.get(task), claimed, samples)


@dataclass(frozen=True)
class Sample:
    """One question of a samples file."""

    where: str
    """`file:line`."""
    record: SampleRecord
    claimed: Mapping[str, float]
    """The submitted numbers, by `CLAIMED`."""

    @property
    def id(self) -> str:
        """Id of the question."""
        return self.record.doc.id


def read_samples(path: Path, most: int) -> Iterator[Sample]:
    """Records of a samples file, of which there may be at most `most`; no document may occur twice."""
    lines: dict[int, str] = {}
    for number, (where, line) in enumerate(_lines(path), start=1):
        if number > most:
            raise AnatomyR1Error(f"{where}: more than the {most} records that the task has questions. {AGAIN}")
        raw = _parsed(line, where, allow_nan=False)
        claimed = _validated(_NUMBERS, {name: raw.get(name) for name in CLAIMED}, where)
        record = _validated(_SAMPLE, raw, where)
        if (first := lines.setdefault(record.doc_id, where)) != where:
            problem = f"question {record.doc.id[:80]} a second time: doc_id {record.doc_id} is that of {first}"
            raise AnatomyR1Error(f"{where}: {problem}, so the file is of several runs or was edited. {AGAIN}")
        yield Sample(where, record, claimed)


def _lines(path: Path) -> Iterator[tuple[str, bytes]]:
    """`file:line` and content of each line that is not blank."""
    with path.open("rb") as file:
        number = 0
        while line := file.readline(MAX_LINE + 1):
            number += 1
            if len(line) > MAX_LINE:
                raise AnatomyR1Error(f"{path}:{number}: a record of more than {MAX_LINE // 2**20} MiB. {AGAIN}")
            if content := (line.removeprefix(codecs.BOM_UTF8) if number == 1 else line).strip():
                yield f"{path}:{number}", content


def _parsed(data: bytes, where: str, *, allow_nan: bool) -> dict[str, Any]:
    """A JSON object. lm-eval itself writes NaN into a results file for a standard error that does not exist."""
    try:
        text = data.removeprefix(codecs.BOM_UTF8).decode("utf-8")
        content = json.loads(text, object_pairs_hook=_once, parse_constant=None if allow_nan else _refuse_nan)
    except (ValueError, RecursionError) as error:
        raise AnatomyR1Error(f"{where}: no valid JSON ({type(error).__name__}: {str(error)[:120]}). {AGAIN}") from error
    if not isinstance(content, dict):
        raise AnatomyR1Error(f"{where}: not a JSON object. {AGAIN}")
    return content


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object, none of whose keys occurs twice: of two values it is not known which one counts."""
    content = dict(pairs)
    if len(content) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"key {next(key for key in keys if keys.count(key) > 1)!r} twice")
    return content


def _refuse_nan(name: str) -> None:
    raise ValueError(f"{name} is not a number")


def _validated(kind: TypeAdapter[T], value: Any, where: str) -> T:
    """`value` as that type; the error names the first wrong key and its value."""
    try:
        return kind.validate_python(value, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key, problem = ".".join(map(str, first["loc"])), first["msg"].removeprefix("Value error, ")
        found = "" if first["type"] in ("missing", "value_error") else f", found {str(first['input'])[:40]!r}"
        raise AnatomyR1Error(f"{where}: {key}: {problem}{found}. {AGAIN}") from None
