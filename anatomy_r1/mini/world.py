"""Writes the mini world to disk: both benchmarks in the real formats, so that the real readers run on it.

Example:
    python -m anatomy_r1.mini.world --out /data/mini
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from anatomy_r1.mini.fingerprint import files, frozen_test_hash, hash_files, pixels_hash
from anatomy_r1.mini.microscopy import DATASETS, Slide, draw_record, draw_slide, omnimed_json
from anatomy_r1.mini.scene import Scene, draw_clear_scene, draw_look
from anatomy_r1.mini.ssg_files import question_file, scene_graph

FORMAT_VERSION = 1
FRAME_STEP = 25
"""Frames between two that are kept; CholecT45 counts frames at one a second."""

HOMING = 0.2
"""How much anatomies keep to their places in the benchmark's videos (the base saw 1).

At 1 the place alone gives 45 % right, and another video's picture still helps: a control with swapped pictures would
not fall to that without pictures. At 0.2 the place gives about 30 %.
"""


@dataclass(frozen=True)
class WorldSpec:
    """What a world holds.

    Raises:
        ValueError: when a count is below one, or test and training would share their seed.
    """

    seed: int = 1
    """Seed of the training and validation videos and of the slides."""
    test_seed: int = 20_252
    """Seed of the test videos alone. Frozen before any tuning: change it, and results no longer compare. 20,251 was
    given up when settings of GRPO had been changed after a look at its table."""
    train_videos: int = 20
    validation_videos: int = 5
    test_videos: int = 20
    frames_per_video: int = 40
    slides: int = 1600
    """Microscopy images, one question each; whoever prepares the benchmark splits them by image."""

    def __post_init__(self) -> None:
        counts = (self.train_videos, self.validation_videos, self.test_videos, self.frames_per_video, self.slides)
        if min(counts) < 1:
            raise ValueError(f"every count of a world must be at least 1: {self}")
        if self.seed == self.test_seed:
            raise ValueError(f"test_seed must differ from seed ({self.seed}), or test videos repeat training videos")

    def videos(self) -> dict[str, list[str]]:
        """Split -> names of its videos."""
        names = iter(f"VID{i:02d}" for i in range(1, self.train_videos + self.validation_videos + self.test_videos + 1))
        counts = {"train": self.train_videos, "validation": self.validation_videos, "test": self.test_videos}
        return {split: [next(names) for _ in range(count)] for split, count in counts.items()}


@dataclass(frozen=True)
class WorldSummary:
    """What was written."""

    root: Path
    frames: int
    slides: int
    questions: int
    """Lines of the question files plus microscopy records."""
    text_sha256: str
    """Hash of every text file except world.json: questions, answers, scene graphs, splits."""
    test_sha256: str
    """`frozen_test_hash` of the frozen test videos."""
    pixels_sha256: str
    """Hash of all images' decoded pixels (PNG bytes would change with the compression library)."""


WORLD_SOURCES = ("ask.py", "atlas.py", "classes.py", "microscopy.py", "scene.py", "ssg_files.py", "world.py")
"""Modules that decide what a world looks like."""


def world_hash(spec: WorldSpec) -> str:
    """16 hex digits that change with anything that can change a world: its spec and the code that draws it."""
    digest = hashlib.sha256(json.dumps(asdict(spec), sort_keys=True).encode())
    for source in WORLD_SOURCES:
        digest.update((Path(__file__).parent / source).read_bytes())
    return digest.hexdigest()[:16]


def write_world(root: Path, spec: WorldSpec | None = None, *, progress: bool = True) -> WorldSummary:
    """Writes a world, whole or not at all.

    Raises:
        FileExistsError: when `root` exists and holds something.
    """
    spec = spec or WorldSpec()
    if root.exists() and any(root.iterdir()):
        raise FileExistsError(f"{root} is not empty: choose another folder for the mini world")
    building = root.with_name(root.name + ".building")
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True)
    _write_videos(building, spec, progress)
    _write_slides(building, spec, progress)
    summary = _summarise(building, root, spec)
    if root.exists():
        root.rmdir()
    building.rename(root)
    return summary


def _write_videos(root: Path, spec: WorldSpec, progress: bool) -> None:
    splits = spec.videos()
    _write_text(root / "SSG-VQA" / "splits.json", _dump(splits))
    named = [(split, video) for split, videos in splits.items() for video in videos]
    for split, video in tqdm(named, desc="mini world: videos", disable=not progress):
        seed = spec.test_seed if split == "test" else spec.seed
        rng = np.random.default_rng([seed, int(video.removeprefix("VID"))])
        look = draw_look(rng, HOMING)
        for index in _frame_indices(rng, spec.frames_per_video):
            _write_frame(root, video, index, draw_clear_scene(rng, look), rng)


def _frame_indices(rng: np.random.Generator, count: int) -> list[int]:
    return [int(FRAME_STEP * i + rng.integers(FRAME_STEP)) for i in range(count)]


def _write_frame(root: Path, video: str, index: int, scene: Scene, rng: np.random.Generator) -> None:
    picture = f"{index:06d}.png"
    _write_image(root / "CholecT45" / "data" / video / picture, scene.image)
    _write_text(root / "SSG-VQA" / "qa_txt" / video / f"{index}.txt", question_file(scene, rng))
    graph = scene_graph(scene, f"{video}/{picture}")
    _write_text(root / "SSG-VQA" / "scene_graph" / f"{video}_{index}.json", _dump(graph))


def _write_slides(root: Path, spec: WorldSpec, progress: bool) -> None:
    rng = np.random.default_rng([spec.seed, 1_000_000])
    records: dict[str, list[dict[str, str]]] = {name: [] for name in sorted(set(DATASETS.values()))}
    for index in tqdm(range(spec.slides), desc="mini world: slides", disable=not progress):
        slide = draw_slide(rng)
        record = draw_record(rng, slide)
        dataset = DATASETS[record.question_type]
        path = f"Images/{dataset}/{index:05d}.png"
        records[dataset].append(omnimed_json(record, dataset, f"{dataset}_{index:05d}", path))
        _write_slide(root, path, slide)
    for dataset, rows in records.items():
        _write_text(root / "OmniMedVQA" / "QA_information" / "Open-access" / f"{dataset}.json", _dump(rows))


def _write_slide(root: Path, path: str, slide: Slide) -> None:
    _write_image(root / "OmniMedVQA" / path, slide.image)


def _write_image(path: Path, pixels: NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, compress_level=1)


def _write_text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _dump(value: Any) -> str:
    return json.dumps(value, indent=1, sort_keys=True) + "\n"


def _summarise(building: Path, root: Path, spec: WorldSpec) -> WorldSummary:
    texts = files(building, ".", {".txt", ".json"})
    lines = sum(len(p.read_text().splitlines()) - 2 for p in texts if p.suffix == ".txt")
    summary = WorldSummary(
        root=root,
        frames=sum(len(names) for names in spec.videos().values()) * spec.frames_per_video,
        slides=spec.slides,
        questions=lines + spec.slides,
        text_sha256=hash_files(building, texts),
        test_sha256=frozen_test_hash(building),
        pixels_sha256=pixels_hash(building),
    )
    facts = {"format_version": FORMAT_VERSION, "spec": asdict(spec), **asdict(summary)}
    del facts["root"]
    _write_text(building / "world.json", _dump(facts))
    return summary


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Write the mini world.", epilog="Example: --out /data/mini")
    parser.add_argument("--out", type=Path, required=True, help="folder to create")
    parser.add_argument("--seed", type=int, default=WorldSpec.seed, help="seed of training and validation")
    arguments = parser.parse_args()
    print(write_world(arguments.out, WorldSpec(seed=arguments.seed)))


if __name__ == "__main__":
    main()
