"""A prepared set on disk: what every later stage reads instead of the sources.

    DIR/questions.parquet   one row per question: the fields of `Question`, and `split`
    DIR/manifest.json       where it comes from: counts, seed, rule, exclusions, hashes
    DIR/inputs.sha256       SHA-256 of every input file, one per line, in the format of sha256sum

Equal inputs and seed give equal bytes. A set is written atomically: its folder appears under its name when complete.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from anatomy_r1.data.inputs import DataError, relative, resolve
from anatomy_r1.data.splits import SPLITS
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.files import atomic_folder, file_sha256
from anatomy_r1.question import Question
from anatomy_r1.validation import parse_json, validated

FORMAT_VERSION = 1
QUESTIONS, MANIFEST, INPUTS = "questions.parquet", "manifest.json", "inputs.sha256"
AGAIN = "make it again with `anatomy-r1 data prepare`"
DATA_VARIABLE = "ANATOMY_R1_DATA"
WHERE = (
    f"name one that `anatomy-r1 data prepare` wrote: --data DIR (anatomy-r1), --metadata data=DIR (lm-eval) or "
    f"{DATA_VARIABLE}=DIR"
)

SETS_NAMED = 6
"""Prepared sets that an error names."""


@dataclass(frozen=True, slots=True)
class PreparedSet:
    """A prepared set, or one split of it."""

    root: Path
    manifest: dict[str, Any]
    image_root: Path
    """Folder that `Question.image` is relative to."""
    questions: tuple[Question, ...]
    """In the order of the seeded draw, so that the first n are a sample too."""

    @property
    def wording(self) -> str | None:
        """Wording of the prompts in the source, which must be one; None if the source has no prompts."""
        stated = self.manifest.get("wordings", {})
        if len(stated) > 1:
            found = ", ".join(stated)
            raise DataError(f"{self.root}: prompts of several wordings ({found}). Fix: prepare one file per set")
        return next(iter(stated), None)


def write(
    root: Path,
    by_split: Mapping[str, Sequence[Question]],
    image_root: Path,
    manifest: Mapping[str, Any],
    inputs: Mapping[str, str] | None = None,
) -> None:
    """Write a prepared set atomically, replacing an older one; DataError unless ids are unique.

    `image_root` is the folder that the images' paths are relative to; `inputs` has the SHA-256 of every file read, by
    `role/path`; `manifest` is what only the caller knows: `benchmark`, `generated`, `seed`, `split_rule`, ...
    """
    _check_unique(question.id for questions in by_split.values() for question in questions)
    if not any(by_split.values()):
        raise DataError(f"{root}: no question is left. Fix: see `excluded` and the split rule; check the data root")
    if root.exists() and not (root / MANIFEST).is_file() and (not root.is_dir() or any(root.iterdir())):
        raise DataError(f"{root}: holds something that is no prepared set. Fix: choose another folder for --out")
    stated = {**manifest, "image_root": relative(image_root, root), "counts": counts(by_split)}
    with atomic_folder(root) as folder:
        _fill(folder, by_split, stated, inputs or {})


def _fill(
    folder: Path, by_split: Mapping[str, Sequence[Question]], manifest: Mapping[str, Any], inputs: Mapping[str, str]
) -> None:
    _write_table(folder / QUESTIONS, by_split)
    listing = "".join(f"{digest}  {name}\n" for name, digest in sorted(inputs.items()))
    (folder / INPUTS).write_text(listing, encoding="utf-8")
    hashes = {
        "inputs": {INPUTS: hashlib.sha256(listing.encode()).hexdigest()},
        "questions_sha256": file_sha256(folder / QUESTIONS),
    }
    content = {**manifest, **hashes, "format_version": FORMAT_VERSION}
    text = json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")


def load(root: Path, split: str | None = None) -> PreparedSet:
    """A prepared set, or one split of it; DataError if it is missing, was changed, or lacks the split."""
    manifest = load_manifest(root)
    rows = _rows(root, manifest)
    if split is not None and split not in (present := {name for name, _ in rows}):
        raise DataError(f"{root}: has no split {split!r}. Fix: use one of {', '.join(sorted(present))}, or {AGAIN}")
    questions = tuple(question for name, question in rows if split in (None, name))
    return PreparedSet(root, manifest, resolve(root, manifest["image_root"]), questions)


def find_set(benchmark: str, data: str | Path | None, split: str) -> PreparedSet:
    """One split of a benchmark's prepared set; AnatomyR1Error if it is not found or belongs to another benchmark.

    `data` is the set, or a folder with it under the benchmark's name. Default: `ANATOMY_R1_DATA`, else `./prepared`.
    """
    root = Path(data or os.environ.get(DATA_VARIABLE) or "prepared")
    folder = next((f for f in (root, root / benchmark) if (f / MANIFEST).is_file()), None)
    if folder is None:
        raise _no_set_of(benchmark, root)
    prepared = load(folder, split)
    generated, stated = bool(prepared.manifest.get("generated")), prepared.manifest.get("benchmark")
    if stated != benchmark or generated != benchmark.endswith("_mini"):
        held = f"{'generated' if generated else 'real'} data of {stated}"
        raise AnatomyR1Error(f"{folder}: holds {held}, not {benchmark}. Fix: run that task, or {WHERE}")
    return prepared


def _no_set_of(benchmark: str, root: Path) -> AnatomyR1Error:
    there = sets_below(root)
    named = next((folder for folder, held in there.items() if held == benchmark), None)
    if named is not None:
        problem = f"{root}: no prepared set of {benchmark} there, but one is in {named}"
        return AnatomyR1Error(f"{problem}. Fix: name that", instead=(str(root), str(named)))
    others = (
        f", only of {', '.join(sorted(set(there.values())))}" if there else "" if root.is_dir() else ": no such folder"
    )
    return AnatomyR1Error(
        f"{root}: no prepared set of {benchmark} there{others}. Fix: {WHERE}. To make one: {preparation(benchmark)}"
    )


def sets_below(root: Path) -> dict[Path, str]:
    """Folder -> benchmark of the prepared sets one to three folders below `root`, by path; broken ones are left out."""
    found = {}
    for path in sorted(path for depth in (1, 2, 3) for path in root.glob(f"{'*/' * depth}{MANIFEST}")):
        try:
            found[path.parent] = str(load_manifest(path.parent).get("benchmark") or "")
        except DataError:
            continue
    return found


def preparation(benchmark: str) -> str:
    """The command that prepares a benchmark, with the folders of the examples."""
    source = "omnimed" if benchmark.startswith("omnimed") else "sgg"
    generated = benchmark.endswith("_mini")
    variant = next((f" --variant {name}" for name in ("balanced", "confounded") if f"_{name}" in benchmark), "")
    made = f"anatomy-r1 data prepare {source} --root {'runs/world' if generated else 'data'} --out prepared/{benchmark}"
    return f"{made}{variant}{' (after: anatomy-r1 data mini --out runs/world)' if generated else ''}"


def _no_manifest(root: Path, error: Exception) -> DataError:
    path, there = root / MANIFEST, sets_below(root)
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        return DataError(f"{path}: no manifest of a prepared set ({type(error).__name__}). Fix: {AGAIN}")
    if there:
        names = ", ".join(map(str, list(there)[:SETS_NAMED]))
        problem = f"{root}: no manifest of a prepared set; it is the parent of {len(there)}"
        return DataError(f"{problem}. Fix: name one of them: {names}", instead=(str(root), str(next(iter(there)))))
    what = "it has no manifest.json" if root.is_dir() else "a file" if root.is_file() else "no such folder"
    fix = f"name the folder of a prepared set, or make one: {preparation('sgg_anatomy')}"
    return DataError(f"{root}: no manifest of a prepared set there ({what}). Fix: {fix}")


def load_manifest(root: Path) -> dict[str, Any]:
    """The manifest of a prepared set; DataError if it is missing, has another version or values of another kind."""
    path = root / MANIFEST
    try:
        manifest = parse_json(path.read_bytes(), constants=True)
    except (OSError, ValueError, RecursionError) as error:
        raise _no_manifest(root, error) from error
    version = manifest.get("format_version") if isinstance(manifest, dict) else None
    if version != FORMAT_VERSION:
        raise DataError(f"{path}: format version {version}; this release reads {FORMAT_VERSION}. Fix: {AGAIN}")
    try:
        validated(manifest, _Manifest, where=f"{path}: no manifest of a prepared set", fix=AGAIN)
    except AnatomyR1Error as error:
        raise DataError(str(error)) from error
    return dict(manifest)


class _Counts(BaseModel):
    """Numbers of one split, as `counts` gives them."""

    model_config = ConfigDict(strict=True)
    questions: int
    clusters: int
    images: int
    category: dict[str, int]
    family: dict[str, int]


class _Manifest(BaseModel):
    """Kinds of the values that are read back from a manifest; it has others too."""

    model_config = ConfigDict(strict=True)
    image_root: str
    counts: dict[str, _Counts]
    inputs: dict[str, str]
    questions_sha256: str
    benchmark: str = ""
    generated: bool = False
    seed: int = 0
    sources: dict[str, str] = {}
    requested: dict[str, int] = {}
    wordings: dict[str, int] = {}
    also_right: dict[str, list[str]] = {}
    excluded: dict[str, int] = {}
    changed: dict[str, int] = {}
    warned: dict[str, int] = {}
    skipped: list[str] = []


def counts(by_split: Mapping[str, Sequence[Question]]) -> dict[str, dict[str, Any]]:
    """Split -> numbers of questions, clusters and images, and of questions by category and by family."""
    return {
        split: {
            "questions": len(questions),
            "clusters": len({q.cluster for q in questions}),
            "images": len({q.image for q in questions}),
            "category": dict(sorted(Counter(q.category for q in questions).items())),
            "family": dict(sorted(Counter(q.family for q in questions).items())),
        }
        for split, questions in by_split.items()
    }


def all_splits(root: Path) -> dict[str, tuple[Question, ...]]:
    """All questions of a prepared set, by split; checked as by `load`."""
    rows = _rows(root, load_manifest(root))
    by_split = {split: tuple(question for name, question in rows if name == split) for split in SPLITS}
    return {split: questions for split, questions in by_split.items() if questions}


def summary(root: Path, requested: Mapping[str, int] | None = None) -> str:
    """A prepared set in a few lines; `requested`: questions asked for by split, if the manifest does not state it."""
    manifest = load_manifest(root)
    wanted = manifest.get("requested", requested or {})
    lines = []
    for split, count in manifest["counts"].items():
        found = f"{count['questions']} questions"
        if count["questions"] < wanted.get(split, 0):
            found += f" ({wanted[split]} asked for)"
        lines.append(f"{manifest['benchmark']} {split}: {found}, {count['clusters']} clusters")
    for key, word in (("excluded", "left out"), ("changed", "changed"), ("warned", "WARNING")):
        lines += [f"  {word}: {number:,} x {reason}" for reason, number in manifest.get(key, {}).items()]
    if skipped := manifest["skipped"]:
        lines.append(f"  bad records skipped: {len(skipped)}, listed in {root / MANIFEST}")
    return "\n".join(lines)


def _rows(root: Path, manifest: Mapping[str, Any]) -> list[tuple[str, Question]]:
    """Every question with its split, after checking that they are the manifest's."""
    table = root / QUESTIONS
    if not table.is_file() or file_sha256(table) != manifest.get("questions_sha256"):
        raise DataError(f"{table}: is missing, or not what the manifest says it is. Fix: {AGAIN}")
    rows = list(_read_table(table))
    _check_unique(question.id for _, question in rows)
    return rows


def _check_unique(ids: Iterable[str]) -> None:
    """Check that no id occurs twice."""
    if twice := [name for name, count in Counter(ids).items() if count > 1]:
        raise DataError(f"duplicate id {twice[0]} ({len(twice)} in all). Fix: remove one of the records in the source")


def _write_table(path: Path, by_split: Mapping[str, Sequence[Question]]) -> None:
    """One row per question, splits in the order of `SPLITS`; equal questions give equal bytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = [field.name for field in fields(Question)]
    kinds = {name: pa.list_(pa.string()) if name == "options" else pa.string() for name in (*names, "split")}
    rows = [
        {**{name: getattr(question, name) for name in names}, "split": split}
        for split in SPLITS
        for question in by_split.get(split, ())
    ]
    pq.write_table(pa.Table.from_pylist(rows, schema=pa.schema(list(kinds.items()))), path)


def _read_table(path: Path) -> Iterator[tuple[str, Question]]:
    """Split and question of each row, in order."""
    import pyarrow.parquet as pq

    for row in pq.read_table(path).to_pylist():
        split = row.pop("split")
        yield split, Question(**{**row, "options": tuple(row["options"])})


def check(root: Path) -> None:
    """Check a prepared set against its manifest: count the questions and hash the inputs again."""
    from tqdm import tqdm

    manifest = load_manifest(root)
    found = counts(all_splits(root))
    if found != {split: count for split, count in manifest["counts"].items() if count["questions"]}:
        raise DataError(f"{root}: the manifest's counts are not those of its questions. Fix: {AGAIN}")
    folders = {role: resolve(root, stated) for role, stated in manifest.get("sources", {}).items()}
    content = (root / INPUTS).read_bytes() if (root / INPUTS).is_file() else b""
    if hashlib.sha256(content).hexdigest() != manifest["inputs"].get(INPUTS):
        raise DataError(f"{root / INPUTS}: is missing, or not what the manifest says it is. Fix: {AGAIN}")
    changed = []
    for line in tqdm(content.decode().split("\n")[:-1], desc="inputs", unit="file", mininterval=1, disable=None):
        digest, name = line.split("  ", 1)
        role, _, rest = name.partition("/")
        if role not in folders or not _is_file_of(folders[role] / rest, digest):
            changed.append(name)
    if changed:
        raise DataError(f"{root}: inputs missing or changed: {', '.join(changed[:10])} ({len(changed)}). Fix: {AGAIN}")


def _is_file_of(path: Path, digest: str) -> bool:
    """Whether the file is there with this SHA-256; a path that the system cannot take is no file."""
    try:
        return path.is_file() and file_sha256(path) == digest
    except (OSError, ValueError):
        return False
