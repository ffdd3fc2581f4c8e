"""SSG-VQA on CholecT45 -> a prepared set of anatomy questions, frame by frame, in bounded memory."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from anatomy_r1.data import prepared
from anatomy_r1.data.prepare.sgg_questions import Builder, Plan
from anatomy_r1.data.problems import DataError, Problems
from anatomy_r1.data.readers.files import Inputs, existing_folder
from anatomy_r1.data.readers.frame_files import has_picture
from anatomy_r1.data.readers.ssg_vqa import frames
from anatomy_r1.data.splits import SPLITS, Reservoir


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the parts of the benchmark lie."""

    qa_txt: Path
    frames: Path
    scene_graph: Path
    """May be missing: then neither it nor what it knows is used."""
    split_file: Path | None = None
    """File that the split rule was read from, to be hashed with the other inputs."""

    @classmethod
    def below(cls, root: Path) -> Sources:
        """The default layout: `SSG-VQA/` and `CholecT45/` side by side."""
        return cls(root / "SSG-VQA/qa_txt", root / "CholecT45/data", root / "SSG-VQA/scene_graph")


def prepare(sources: Sources, plan: Plan, problems: Problems, out: Path, notes: dict[str, Any]) -> None:
    """Read, draw and write the prepared set.

    Args:
        sources: where the parts lie.
        plan: split rule, sizes and seed.
        problems: what to do with bad records; filled with the account of what was left out.
        out: folder to write.
        notes: further entries of the manifest (`generated`, `sizes_inferred`, ...).

    Raises:
        DataError: see `BadRecord`; nothing is written then.
    """
    from tqdm import tqdm

    existing_folder(sources.frames, "the frames of CholecT45 (VID01/000000.png ...)")
    roles = {"qa_txt": sources.qa_txt, "frames": sources.frames, "scene_graph": sources.scene_graph}
    if sources.split_file:
        roles["split"] = sources.split_file.parent
    builder = Builder(Inputs(roles), problems, plan)
    if sources.split_file:
        builder.inputs.read("split", sources.split_file)
    pools = {split: Reservoir(plan.sizes.get(split, 0), plan.seed) for split in SPLITS}
    every = list(frames(builder.inputs, problems))  # names only: some 27,000 in SSG-VQA
    for question in builder.questions(tqdm(every, desc="question files", unit="file", mininterval=1, disable=None)):
        pools[plan.rule.of(question.cluster) or "train"].add(question)
    for split, pool in pools.items():
        if pool.capacity and not pool.counts:
            cure = "check that its videos are there, choose another --split, or ask for 0 of it"
            raise DataError(f"{sources.qa_txt}: no question for the split {split!r} ({plan.rule.name}). Cure: {cure}")
    readable = partial(has_picture, builder.inputs, problems)
    drawn = {split: pool.draw(readable) for split, pool in pools.items() if pool.capacity}
    kept = {question.id for questions in drawn.values() for question in questions}
    also = {name: names for name, names in sorted(builder.also_right.items()) if name in kept}
    manifest = {
        **notes,
        **({"also_right": also} if builder.also_right else {}),
        "benchmark": plan.benchmark,
        "seed": plan.seed,
        "split_rule": plan.rule.name,
        "stratified_by": "category and family, in proportion to the pool",
        "requested": dict(sorted(plan.sizes.items())),
        "pool": {split: sum(pool.counts.values()) for split, pool in pools.items()},
        "rationales": dict(sorted(builder.rationales.items())),
        "excluded": {reason: n for reason, n in sorted(problems.excluded.items()) if n},
        "skipped": problems.skipped,
        "sources": {role: prepared.relative(path, out) for role, path in roles.items()},
    }
    prepared.write(out, drawn, sources.frames, manifest, builder.inputs.sha256)
