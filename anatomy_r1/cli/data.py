"""`anatomy-r1 data`: make the mini world, prepare a benchmark's questions, check a prepared set.

Only argparse is imported here, so that `--help` is quick; the rest comes with the command that needs it.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from anatomy_r1.cli.commands import Command, add_command, add_group, count

SIZE = 1000  # of SGG's training and test set. Inferred: the table's percentages fit N = 1,000 (GRIM)


def add_data_commands(subparsers: Any) -> None:
    """Add `data` and its subcommands."""
    commands = add_group(subparsers, "data", "make, prepare and check the data", "data mini --out runs/world")
    _add_mini(commands)
    example = "data prepare sgg --root data --out prepared/sgg"
    sources = add_group(commands, "prepare", "write a prepared set from a source", example, metavar="SOURCE")
    _add_sgg(sources)
    _add_omnimed(sources)
    _add_released(sources)
    about = "recount a prepared set and hash its inputs again"
    check = _add(commands, "check", about, "data check prepared/sgg")
    check.add_argument("folder", type=Path, metavar="DIR", help="folder of the prepared set")
    _add_leakage(commands)
    _add_controls(commands)


def _add(commands: Any, name: str, about: str, example: str) -> argparse.ArgumentParser:
    """A command; what it does is the function of its name in `data_commands`."""
    return add_command(commands, name, about, example, _guarded(name))


def _guarded(name: str) -> Command:
    def guarded(args: argparse.Namespace) -> int:
        import sys

        from anatomy_r1.cli import data_actions as data_commands
        from anatomy_r1.data.problems import DataError
        from anatomy_r1.tables.text import plain_lines

        try:
            getattr(data_commands, name)(args)
        except (DataError, FileExistsError) as error:
            print(f"error: {plain_lines(str(error))}", file=sys.stderr)
            return 2
        return 0

    return guarded


def _add_mini(commands: Any) -> None:
    about = "write the generated miniature of both benchmarks, in their on-disk formats"
    parser = _add(commands, "mini", about, "data mini --out runs/world")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write")
    parser.add_argument(
        "--seed", type=int, help="of the training videos and slides (default: the recipe's); the test set stays"
    )


def _common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the prepared set")
    parser.add_argument("--skip-bad", action="store_true", help="leave bad records out and list them in the manifest")


def _add_sgg(sources: Any) -> None:
    example = "data prepare sgg --root data --out prepared/sgg"
    parser = _add(sources, "sgg", "anatomy questions of SSG-VQA on CholecT45 frames", example)
    _common(parser)
    parser.add_argument("--root", type=Path, required=True, help="folder with SSG-VQA/ and CholecT45/")
    parser.add_argument("--questions", type=Path, metavar="DIR", help="instead of ROOT/SSG-VQA/qa_txt")
    parser.add_argument("--frames", type=Path, metavar="DIR", help="instead of ROOT/CholecT45/data")
    parser.add_argument("--scene-graphs", type=Path, metavar="DIR", help="instead of ROOT/SSG-VQA/scene_graph")
    rules = "unused: test on the seven videos that the release leaves out (inferred); official: SSG-VQA's; "
    rules += "file: ROOT/SSG-VQA/splits.json. Default: file if it is there, else unused"
    parser.add_argument("--split", choices=("unused", "official", "file"), help=rules)
    parser.add_argument("--train", type=count, default=SIZE, metavar="N", help="questions (default: %(default)s)")
    help_text = "questions (default: 0 with `unused`, else as --test)"
    parser.add_argument("--validation", type=count, metavar="N", help=help_text)
    parser.add_argument("--test", type=count, default=SIZE, metavar="N", help="questions (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)


def _add_omnimed(sources: Any) -> None:
    example = "data prepare omnimed --root data --out prepared/omnimed"
    parser = _add(sources, "omnimed", "four-option microscopy records of OmniMedVQA", example)
    _common(parser)
    parser.add_argument("--root", type=Path, required=True, help="folder with OmniMedVQA/")
    parser.add_argument("--questions", type=Path, metavar="DIR", help="OmniMedVQA's folder, instead of ROOT/OmniMedVQA")
    parser.add_argument("--test-fraction", type=float, default=0.1, help="of each source's questions (default: 0.1)")
    parser.add_argument("--validation-fraction", type=float, default=0.0, help="likewise (default: 0)")
    parser.add_argument("--med-r1", type=Path, metavar="DIR", help="use Med-R1's split: its micro_{train,test}.json")
    for split in ("train", "validation", "test"):
        parser.add_argument(f"--{split}", type=count, metavar="N", help="at most so many questions (default: all)")
    parser.add_argument("--seed", type=int, default=0)


def _add_released(sources: Any) -> None:
    example = "data prepare released GRPO.json --frames data/CholecT45/data --out prepared/released"
    parser = _add(sources, "released", "the authors' released training files", example)
    _common(parser)
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="released JSON files")
    parser.add_argument("--frames", type=Path, required=True, metavar="DIR", help="CholecT45/data")
    parser.add_argument("--scene-graphs", type=Path, metavar="DIR", help="SSG-VQA/scene_graph, for rationales")


def _add_leakage(commands: Any) -> None:
    about = "what training and test share by video, image, near-duplicate image and text"
    parser = _add(commands, "leakage", about, "data leakage --data prepared/sgg")
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="prepared set: its training against its test questions"
    )
    files = "released or Med-R1 files instead of the prepared set's %s questions"
    parser.add_argument("--train-file", type=Path, nargs="+", default=[], metavar="FILE", help=files % "training")
    parser.add_argument("--test-file", type=Path, nargs="+", default=[], metavar="FILE", help=files % "test")
    videos = "a test side of which only the videos are known: SSG-VQA's official split, or those the release leaves out"
    parser.add_argument("--test-videos", choices=("official", "official-validation", "unused"), help=videos)
    parser.add_argument("--json", action="store_true", help="print JSON")


def _add_controls(commands: Any) -> None:
    about = (
        "how many questions their wording alone gives away: majority class and naive Bayes, in folds of other videos"
    )
    parser = _add(commands, "controls", about, "data controls GRPO.json GRPO-GDQA.json")
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="released or Med-R1 files, each on its own")
