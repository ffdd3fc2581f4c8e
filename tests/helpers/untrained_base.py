"""A base of the mini world that nobody trained, in the form of the committed ones: for tests of what loads them."""

from __future__ import annotations

import shutil
from dataclasses import asdict, replace
from pathlib import Path

from anatomy_r1.arithmetic import record
from anatomy_r1.files import file_sha256
from anatomy_r1.mini import bases
from anatomy_r1.mini.architecture import build_model, build_processor, save
from anatomy_r1.mini.recipe import WORDED


def write_untrained_base(folder: Path, name: str, seed: int = 5) -> None:
    """Writes NAME.safetensors and NAME.json into the folder, with tensors of mini-l."""
    processor = build_processor(rewrites=True)
    save(build_model("mini-l", processor, seed), processor, folder / "model")
    weights = folder / f"{name}.safetensors"
    shutil.move(folder / "model" / bases.WEIGHTS, weights)
    shutil.rmtree(folder / "model")
    facts = bases.Facts(
        size="mini-l",
        recipe=asdict(replace(WORDED, seed=seed)),
        sha256=file_sha256(weights),
        vocabulary_sha256=bases.vocabulary_hash(processor.tokenizer),
        arithmetic=record(),
        phases={},
        measured={},
    )
    (folder / f"{name}.json").write_text(facts.model_dump_json(indent=1))
