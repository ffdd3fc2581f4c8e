"""Make the committed demo of a run: what the site shows of it, without weights, checkpoints and unused images.

    python -m baselines run --profile results/demo/profile.yaml --jobs 1
    python scripts/demo.py runs/demo results/demo

Copied are the results, the prepared sets with the images that a page shows, the response logs, and the training logs.
Nothing in them is changed but the path to the images. Files above 1 MB are refused, so that the repository stays small.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sqlite3
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from anatomy_r1.data.inputs import relative  # noqa: E402
from anatomy_r1.data.prepared import INPUTS, MANIFEST, QUESTIONS, load  # noqa: E402
from anatomy_r1.errors import AnatomyR1Error  # noqa: E402
from anatomy_r1.training.training_log import LOG_NAME, read  # noqa: E402

LARGEST = 2**20
"""Bytes of a file (our choice)."""
LEFT = ("results", "data", "images", "responses", "train")
"""Folders of a demo; whatever else is in its folder, such as its README, stays."""


def make(run: Path, out: Path) -> int:
    """Write the demo of `run` into `out`, replacing an older one; returns its size in bytes.

    Raises:
        AnatomyR1Error: when the run has no results, or a file would be too large.
    """
    if not (run / "results").is_dir():
        fix = "run `python -m baselines run --profile results/demo/profile.yaml` first"
        raise AnatomyR1Error(f"{run}: no results in it. Fix: {fix}")
    for name in LEFT:
        shutil.rmtree(out / name, ignore_errors=True)
    shutil.copytree(run / "results", out / "results", ignore=shutil.ignore_patterns("*.lock"))
    for pattern in ("responses/**/*.sqlite", f"train/**/{LOG_NAME}"):
        for log in sorted(run.glob(pattern)):
            _copy_log(log, out / log.relative_to(run))
    for manifest in sorted((run / "data").glob(f"*/{MANIFEST}")):
        _copy_set(run, manifest.parent, out)
    return _checked(out)


def _copy_log(log: Path, copy: Path) -> None:
    """One file without a write-ahead log, which can then be read from a folder that nobody may write to."""
    copy.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(f"{log.resolve().as_uri()}?mode=ro", uri=True)) as opened:
        opened.execute("VACUUM INTO ?", (str(copy),))


def _copy_set(run: Path, source: Path, out: Path) -> None:
    """A prepared set as it is, with the images of its test questions and of the training questions in rollouts."""
    test, copy, images = load(source, "test"), out / "data" / source.name, out / "images" / source.name
    copy.mkdir(parents=True)
    shutil.copyfile(source / QUESTIONS, copy / QUESTIONS)
    shutil.copyfile(source / INPUTS, copy / INPUTS)
    manifest = json.loads((source / MANIFEST).read_text(encoding="utf-8"))
    manifest["image_root"] = relative(images, copy)
    (copy / MANIFEST).write_text(json.dumps(manifest, indent=2, sort_keys=True, ensure_ascii=False) + "\n")
    shown = _shown_in_rollouts(run / "train" / source.name)
    wanted = [question for question in load(source).questions if question.id in shown]
    for image in sorted({question.image for question in (*test.questions, *wanted)}):
        (images / image).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(test.image_root / image, images / image)


def _shown_in_rollouts(trained: Path) -> set[str]:
    """Ids of the questions whose groups kept their text."""

    def ids() -> Iterator[str]:
        for log in sorted(trained.glob(f"*/*/seed*/{LOG_NAME}")):
            rollouts = read(log, "rollouts")
            if len(rollouts):
                yield from rollouts.loc[rollouts["prompt"].notna(), "question_id"]

    return set(ids())


def _checked(out: Path) -> int:
    files = [path for name in LEFT for path in (out / name).rglob("*") if path.is_file()]
    if large := [path for path in files if path.stat().st_size > LARGEST]:
        raise AnatomyR1Error(f"{large[0]}: larger than 1 MB. Fix: fewer questions or steps in the demo's profile")
    return sum(path.stat().st_size for path in files)


def main(arguments: Iterable[str] | None = None) -> int:
    """Command line; returns an exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="folder of a run, such as runs/demo")
    parser.add_argument("out", type=Path, help="folder of the demo, such as results/demo")
    options = parser.parse_args(None if arguments is None else list(arguments))
    try:
        size = make(options.run, options.out)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{options.out}: {size / 2**20:.1f} MB. Look at it: python -m reports site --out site --store {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
