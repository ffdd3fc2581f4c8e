"""Makes the committed bases again, in portable arithmetic, and says whether their bytes are the committed ones.

    python -m anatomy_r1.mini.rebuild                        all of them; about twenty minutes of CPU time each
    python -m anatomy_r1.mini.rebuild --names mini-l-1       one
    python -m anatomy_r1.mini.rebuild --replace              writes them into the package, after a change of the recipe
    python -m anatomy_r1.mini.rebuild --names mini-l-4 --size mini-l --seed 4 --replace        a further one

Exit status 0: the same bytes (or replaced); 1: other bytes.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from anatomy_r1.arithmetic import record, restart_portable, use_portable
from anatomy_r1.files import file_sha256, write_atomic
from anatomy_r1.mini import bases
from anatomy_r1.mini.architecture import SHAPES, Size, build_processor
from anatomy_r1.mini.base import FACTS, build_base
from anatomy_r1.mini.recipe import WORDED, Recipe


def rebuild(name: str, size: Size, recipe: Recipe, folder: Path) -> bases.Facts:
    """Trains one base into `folder`; what is known of it, but for what was measured."""
    build_base(folder, size, recipe=recipe)
    trained = json.loads((folder / FACTS).read_text())
    return bases.Facts(
        size=size,
        recipe=asdict(recipe),
        sha256=file_sha256(folder / bases.WEIGHTS),
        vocabulary_sha256=bases.vocabulary_hash(build_processor(rewrites=recipe.rewrites).tokenizer),
        arithmetic=record(),
        phases=trained["phases"],
        measured={},
    )


def commit(name: str, facts: bases.Facts, folder: Path) -> None:
    """Puts a base into the package; what was measured of older weights is kept only if the weights are the same."""
    if name in bases.names() and (older := bases.facts(name)).sha256 == facts.sha256:
        facts = facts.model_copy(update={"measured": older.measured})
    write_atomic(bases.FOLDER / f"{name}.safetensors", (folder / bases.WEIGHTS).read_bytes())
    write_atomic(bases.FOLDER / f"{name}.json", facts.model_dump_json(indent=1) + "\n")


def compare(name: str, facts: bases.Facts) -> bool:
    """Whether the weights are the committed ones; prints it."""
    committed = bases.facts(name).sha256
    same = facts.sha256 == committed
    told = "the same bytes" if same else f"other bytes: {facts.sha256}, committed are {committed}"
    print(f"{name}: {told}", flush=True)
    return same


def main(words: Sequence[str]) -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--names", nargs="+", default=list(bases.names()), metavar="NAME")
    parser.add_argument("--size", choices=sorted(SHAPES), help="of a new base")
    parser.add_argument("--seed", type=int, help="of a new base")
    parser.add_argument("--replace", action="store_true", help="write them into the package")
    asked = parser.parse_args(words)
    restart_portable("anatomy_r1.mini.rebuild", words)
    use_portable()
    same = True
    for name in asked.names:
        size, recipe = (asked.size, WORDED) if asked.size else (bases.facts(name).size, bases.recipe(name))
        with tempfile.TemporaryDirectory(prefix="anatomy-r1-") as folder:
            made = rebuild(name, size, replace(recipe, seed=asked.seed or recipe.seed), Path(folder))
            if asked.replace:
                commit(name, made, Path(folder))
                print(f"{name}: {made.sha256}", flush=True)
            else:
                same &= compare(name, made)
    return int(not same)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
