"""A prepared set on disk: what every later stage reads instead of the sources.

    DIR/questions.parquet   one row a question: the fields of `Question`, and `split`
    DIR/manifest.json       where it comes from: counts, seed, rule, exclusions, hashes
    DIR/inputs.sha256       SHA-256 of every input file, one a line, as sha256sum writes it

Equal inputs and seed give equal bytes. Nothing is ever half-written: the folder appears under its name when whole.

Questions as a Parquet table: one row a question, the fields of `Question` and `split`.

Is a prepared set still what its manifest says, and do its inputs still have the bytes it was made from?
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from anatomy_r1.data.problems import DataError
from anatomy_r1.data.splits import SPLITS
from anatomy_r1.files import file_sha256
from anatomy_r1.question import Question

_FIELDS = tuple(field.name for field in fields(Question))


def write_table(path: Path, by_split: Mapping[str, Sequence[Question]]) -> None:
    """Write the questions of each split, splits in the order of `SPLITS`; equal questions give equal bytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [(split, question) for split in SPLITS for question in by_split.get(split, ())]
    columns: dict[str, Any] = {name: [getattr(question, name) for _, question in rows] for name in _FIELDS}
    columns["options"] = [list(options) for options in columns["options"]]
    columns["split"] = [split for split, _ in rows]
    kinds = {name: pa.list_(pa.string()) if name == "options" else pa.string() for name in columns}
    pq.write_table(pa.table(columns, schema=pa.schema(list(kinds.items()))), path)


def read_table(path: Path) -> Iterator[tuple[str, Question]]:
    """Split and question of each row, in order."""
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    columns = {name: table[name].to_pylist() for name in table.column_names}
    splits = columns.pop("split")
    columns["options"] = [tuple(options) for options in columns["options"]]
    for split, *values in zip(splits, *columns.values(), strict=True):
        yield split, Question(**dict(zip(columns, values, strict=True)))


FORMAT_VERSION = 1
QUESTIONS, MANIFEST, INPUTS = "questions.parquet", "manifest.json", "inputs.sha256"
AGAIN = "make it again with `anatomy-r1 data prepare`"


@dataclass(frozen=True, slots=True)
class PreparedSet:
    """A prepared set, or one split of it."""

    root: Path
    manifest: dict[str, Any]
    image_root: Path
    """Folder that `Question.image` is relative to."""
    questions: tuple[Question, ...]
    """In the seeded order of the draw, so that the first n are a sample too."""

    @property
    def wording(self) -> str | None:
        """Wording of the prompts that the source states; None where it states none: the benchmark's canonical one.

        Raises:
            DataError: when the source mixes wordings.
        """
        stated = self.manifest.get("wordings", {})
        if len(stated) > 1:
            raise DataError(f"{self.root}: prompts of several wordings ({', '.join(stated)}). Fix: a file a set")
        return next(iter(stated), None)

    def image_path(self, question: Question) -> Path:
        """Where a question's picture lies."""
        return self.image_root / question.image


def write(
    root: Path,
    by_split: Mapping[str, Sequence[Question]],
    image_root: Path,
    manifest: Mapping[str, Any],
    inputs: Mapping[str, str] | None = None,
) -> None:
    """Write a prepared set whole, in place of an older one.

    Args:
        root: folder to make.
        by_split: split -> its questions.
        image_root: folder that the questions' image paths are relative to.
        manifest: what only the caller knows: `benchmark`, `generated`, `seed`, `split_rule`, `excluded`, `skipped`, ...
        inputs: `role/path` -> SHA-256 of every file read.

    Raises:
        DataError: when an id occurs twice, there is no question, or `root` holds something else.
    """
    check_unique(question.id for questions in by_split.values() for question in questions)
    if not any(by_split.values()):
        raise DataError(
            f"{root}: not one question is left. Fix: see `excluded` and the split rule; check the data root"
        )
    if root.exists() and not (root / MANIFEST).is_file() and (not root.is_dir() or any(root.iterdir())):
        raise DataError(f"{root}: holds something that is no prepared set. Fix: choose another folder for --out")
    root.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{root.name}.", dir=root.parent))
    try:
        _fill(temporary, root=root, by_split=by_split, image_root=image_root, manifest=manifest, inputs=inputs or {})
        _swap(temporary, root)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def load(root: Path, split: str | None = None) -> PreparedSet:
    """A prepared set, or the questions of one split of it.

    Raises:
        DataError: when it is missing, of another version, changed since it was written, or lacks the split.
    """
    manifest = load_manifest(root)
    rows = _rows(root, manifest)
    if split is not None and split not in (present := {name for name, _ in rows}):
        raise DataError(f"{root}: has no split {split!r}. Fix: use one of {', '.join(sorted(present))}, or {AGAIN}")
    questions = tuple(question for name, question in rows if split in (None, name))
    return PreparedSet(root, manifest, resolve(root, manifest["image_root"]), questions)


def load_manifest(root: Path) -> dict[str, Any]:
    """The manifest of a prepared set.

    Raises:
        DataError: when it is missing, no JSON, or of another version.
    """
    path = root / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: no manifest of a prepared set ({type(error).__name__}). Fix: {AGAIN}") from error
    version = manifest.get("format_version") if isinstance(manifest, dict) else None
    if version != FORMAT_VERSION:
        raise DataError(f"{path}: format version {version}; this release reads {FORMAT_VERSION}. Fix: {AGAIN}")
    return dict(manifest)


def counts(by_split: Mapping[str, Iterable[Question]]) -> dict[str, dict[str, Any]]:
    """Questions and clusters by split, and by category and family within."""
    return {split: _count(tuple(questions)) for split, questions in by_split.items()}


def all_splits(root: Path) -> dict[str, tuple[Question, ...]]:
    """All questions of a prepared set, by split, as `load` checks them."""
    rows = _rows(root, load_manifest(root))
    by_split = {split: tuple(question for name, question in rows if name == split) for split in SPLITS}
    return {split: questions for split, questions in by_split.items() if questions}


def _rows(root: Path, manifest: Mapping[str, Any]) -> list[tuple[str, Question]]:
    """Every question with its split, once it is sure that they are those of the manifest."""
    table = root / QUESTIONS
    if not table.is_file() or file_sha256(table) != manifest.get("questions_sha256"):
        raise DataError(f"{table}: is missing, or not what the manifest says it is. Fix: {AGAIN}")
    rows = list(read_table(table))
    check_unique(question.id for _, question in rows)
    return rows


def check_unique(ids: Iterable[str]) -> None:
    """Pass if no id occurs twice.

    Raises:
        DataError: when one does.
    """
    if twice := [name for name, count in Counter(ids).items() if count > 1]:
        raise DataError(
            f"duplicate id {twice[0]} ({len(twice)} in all). Fix: remove one of the records from the source"
        )


def relative(path: Path, root: Path) -> str:
    """`path` as the manifest in `root` states it: relative if they share more than the file system's top."""
    target, base = path.resolve(), root.resolve()
    shared = Path(os.path.commonpath([target, base]))
    return str(target) if shared == Path(shared.anchor) else Path(os.path.relpath(target, base)).as_posix()


def resolve(root: Path, stated: str) -> Path:
    """Inverse of `relative`."""
    return Path(os.path.normpath(root / stated))


def _count(questions: tuple[Question, ...]) -> dict[str, Any]:
    return {
        "questions": len(questions),
        "clusters": len({q.cluster for q in questions}),
        "images": len({q.image for q in questions}),
        "category": dict(sorted(Counter(q.category for q in questions).items())),
        "family": dict(sorted(Counter(q.family for q in questions).items())),
    }


def _fill(
    folder: Path,
    *,
    root: Path,
    by_split: Mapping[str, Sequence[Question]],
    image_root: Path,
    manifest: Mapping[str, Any],
    inputs: Mapping[str, str],
) -> None:
    write_table(folder / QUESTIONS, by_split)
    listing = "".join(f"{digest}  {name}\n" for name, digest in sorted(inputs.items()))
    (folder / INPUTS).write_text(listing, encoding="utf-8")
    content = {
        **manifest,
        "format_version": FORMAT_VERSION,
        "image_root": relative(image_root, root),
        "counts": counts(by_split),
        "inputs": {INPUTS: hashlib.sha256(listing.encode()).hexdigest()},
        "questions_sha256": file_sha256(folder / QUESTIONS),
    }
    text = json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")


def _swap(new: Path, root: Path) -> None:
    old = new.with_name(new.name + ".old")
    if root.exists():
        root.rename(old)
    new.chmod(0o755)  # mkdtemp makes it private
    new.rename(root)
    shutil.rmtree(old, ignore_errors=True)


def check(root: Path) -> dict[str, object]:
    """Recount the questions and hash the inputs again.

    Returns:
        The counts by split, as the manifest states them.

    Raises:
        DataError: when anything differs; the first ten differences are named.
    """
    from tqdm import tqdm

    manifest = load_manifest(root)
    found = counts(all_splits(root))
    if found != {split: count for split, count in manifest["counts"].items() if count["questions"]}:
        raise DataError(f"{root}: the manifest's counts are not those of its questions. Fix: {AGAIN}")
    folders = {role: resolve(root, stated) for role, stated in manifest["sources"].items()}
    listed = tqdm(
        list(_listed(root, manifest["inputs"][INPUTS])), desc="inputs", unit="file", mininterval=1, disable=None
    )
    if changed := [name for name, digest in listed if not _same(folders, name, digest)]:
        raise DataError(f"{root}: inputs missing or changed: {', '.join(changed[:10])} ({len(changed)}). Fix: {AGAIN}")
    return dict(manifest["counts"])


def _listed(root: Path, digest: str) -> Iterator[tuple[str, str]]:
    data = (root / INPUTS).read_bytes() if (root / INPUTS).is_file() else b""
    if hashlib.sha256(data).hexdigest() != digest:
        raise DataError(f"{root / INPUTS}: is missing, or not what the manifest says it is. Fix: {AGAIN}")
    for line in data.decode().splitlines():
        digest, _, name = line.partition("  ")
        yield name, digest


def _same(folders: dict[str, Path], name: str, digest: str) -> bool:
    role, _, rest = name.partition("/")
    path = folders[role] / rest
    return path.is_file() and file_sha256(path) == digest
