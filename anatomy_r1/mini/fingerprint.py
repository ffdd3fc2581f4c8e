"""Hashes of a mini world: of the frozen test set, and of all files to compare two worlds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image


def frozen_test_hash(root: Path) -> str:
    """SHA-256 over the question files and scene graphs of the test videos, which are frozen."""
    split: dict[str, list[str]] = json.loads((root / "SSG-VQA" / "splits.json").read_text())
    names = set(split["test"])
    paths = files(root, "SSG-VQA", {".txt", ".json"})
    videos = [path.parent.name if path.suffix == ".txt" else path.stem.partition("_")[0] for path in paths]
    return hash_files(root, [path for path, video in zip(paths, videos, strict=True) if video in names])


def files(root: Path, below: str, suffixes: set[str]) -> list[Path]:
    """Files below a folder of `root`, by suffix, sorted."""
    return sorted(p for p in (root / below).rglob("*") if p.suffix in suffixes)


def hash_files(root: Path, paths: list[Path]) -> str:
    """SHA-256 over names and bytes."""
    return _hash((str(p.relative_to(root).as_posix()).encode(), p.read_bytes()) for p in paths)


def _hash(parts: Iterator[tuple[bytes, bytes]]) -> str:
    digest = hashlib.sha256()
    for name, content in parts:
        digest.update(name + b"\0" + hashlib.sha256(content).digest())
    return digest.hexdigest()


def pixels_hash(root: Path) -> str:
    """SHA-256 over names and decoded pixels of all images."""
    paths = files(root, ".", {".png"})
    return _hash((str(p.relative_to(root).as_posix()).encode(), np.asarray(Image.open(p)).tobytes()) for p in paths)
