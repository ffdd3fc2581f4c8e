"""Is a prepared set still what its manifest says, and do its inputs still have the bytes it was made from?"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from anatomy_r1.data import prepared
from anatomy_r1.data.prepared import AGAIN, INPUTS, load_manifest, resolve
from anatomy_r1.data.problems import DataError
from anatomy_r1.file_hash import file_sha256


def check(root: Path) -> dict[str, object]:
    """Recount the questions and hash the inputs again.

    Returns:
        The counts by split, as the manifest states them.

    Raises:
        DataError: when anything differs; the first ten differences are named.
    """
    from tqdm import tqdm

    manifest = load_manifest(root)
    found = prepared.counts(prepared.all_splits(root))
    if found != {split: count for split, count in manifest["counts"].items() if count["questions"]}:
        raise DataError(f"{root}: the manifest's counts are not those of its questions. Cure: {AGAIN}")
    folders = {role: resolve(root, stated) for role, stated in manifest["sources"].items()}
    listed = tqdm(
        list(_listed(root, manifest["inputs"][INPUTS])), desc="inputs", unit="file", mininterval=1, disable=None
    )
    if changed := [name for name, digest in listed if not _same(folders, name, digest)]:
        raise DataError(f"{root}: inputs missing or changed: {', '.join(changed[:10])} ({len(changed)}). Cure: {AGAIN}")
    return dict(manifest["counts"])


def _listed(root: Path, digest: str) -> Iterator[tuple[str, str]]:
    data = (root / INPUTS).read_bytes() if (root / INPUTS).is_file() else b""
    if hashlib.sha256(data).hexdigest() != digest:
        raise DataError(f"{root / INPUTS}: is missing, or not what the manifest says it is. Cure: {AGAIN}")
    for line in data.decode().splitlines():
        digest, _, name = line.partition("  ")
        yield name, digest


def _same(folders: dict[str, Path], name: str, digest: str) -> bool:
    role, _, rest = name.partition("/")
    path = folders[role] / rest
    return path.is_file() and file_sha256(path) == digest
