"""`anatomy-r1 data`: make the mini world, prepare a benchmark's questions, check a prepared set.

Only argparse and the options of the preparations are imported here, so that `--help` is fast. Each command imports the
rest when it runs.
"""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anatomy_r1.cli.commands import Command, add_command, add_group, count
from anatomy_r1.data.prepare.options import SPLIT_RULES, OmniMedOptions, PrepareOptions, ReleasedOptions, SggOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anatomy_r1.evaluation.blind_ceiling import BlindCeiling
    from anatomy_r1.question import Question


_BALANCED = "balanced: distractors drawn anew, so that the texts do not give the answer away (docs/blind.md)"


def add_data_commands(subparsers: Any) -> None:
    """Add `data` and its subcommands."""
    commands = add_group(subparsers, "data", "make, prepare and check the data", "data mini --out runs/world")

    about = "write the generated miniature of both benchmarks, in their on-disk formats"
    mini = add_command(commands, "mini", about, "data mini --out runs/world", _mini)
    mini.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write")
    about = "seed of the training videos and slides (default: the recipe's); the test set stays the same"
    mini.add_argument("--seed", type=int, help=about)

    example = "data prepare sgg --root data --out prepared/sgg"
    sources = add_group(commands, "prepare", "write a prepared set from a source", example, metavar="SOURCE")
    _add_sgg(sources)
    _add_omnimed(sources)
    _add_released(sources)

    about = "recount a prepared set and hash its inputs again"
    check = add_command(commands, "check", about, "data check prepared/sgg", _check)
    check.add_argument("folder", type=Path, metavar="DIR", help="folder of the prepared set")
    _add_leakage(commands)

    about = "the blind ceiling: accuracy from the texts alone, by rules that see no image"
    example = "data controls GRPO.json GRPO-GDQA.json\n"
    example += "  anatomy-r1 data controls --train-file micro_train.json --test-file micro_test.json"
    controls = add_command(commands, "controls", about, example, _controls)
    files = "released, Med-R1 or plain files (docs/blind.md), each by itself, cross-validated in folds of other videos"
    controls.add_argument("files", type=Path, nargs="*", metavar="FILE", help=files)
    _add_sides(controls)
    about = "of the two sides that files name: their balanced variant instead; a prepared set has its own"
    controls.add_argument("--variant", choices=("balanced",), help=about)


def _mini(args: argparse.Namespace) -> int:
    from anatomy_r1.errors import AnatomyR1Error
    from anatomy_r1.mini.samples import write_sample_page
    from anatomy_r1.mini.world import WorldSpec, write_world

    try:
        write_world(args.out, WorldSpec() if args.seed is None else WorldSpec(seed=args.seed))
    except FileExistsError as error:
        raise AnatomyR1Error(str(error)) from error
    page, _ = write_sample_page(args.out, args.out / "samples")
    print(f"wrote {args.out}; a page of samples to look at: {page}")
    return 0


def _prepare(source: str, options: type[PrepareOptions]) -> Command:
    """Runs the preparation of a source with the options that the arguments state, by name."""

    def run(args: argparse.Namespace) -> int:
        from importlib import import_module

        from anatomy_r1.data.prepared import summary
        from anatomy_r1.exports.croissant import write_croissant

        given = options(**{field.name: getattr(args, field.name) for field in fields(options)})
        import_module(f"anatomy_r1.data.prepare.{source}").prepare(given)
        print(summary(given.out, given.sizes))
        print(f"metadata for others, in Croissant's format: {write_croissant(given.out)}")
        return 0

    return run


def _add_source(
    sources: Any, name: str, about: str, example: str, options: type[PrepareOptions]
) -> argparse.ArgumentParser:
    parser = add_command(sources, name, about, example, _prepare(name, options))
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the prepared set")
    parser.add_argument("--skip-bad", action="store_true", help="skip bad records and list them in the manifest")
    return parser


def _add_sgg(sources: Any) -> None:
    example = "data prepare sgg --root data --out prepared/sgg"
    parser = _add_source(sources, "sgg", "anatomy questions of SSG-VQA on CholecT45 frames", example, SggOptions)
    parser.add_argument("--root", type=Path, required=True, help="folder with SSG-VQA/ and CholecT45/")
    parser.add_argument("--questions", type=Path, metavar="DIR", help="instead of ROOT/SSG-VQA/qa_txt")
    parser.add_argument("--frames", type=Path, metavar="DIR", help="instead of ROOT/CholecT45/data")
    parser.add_argument("--scene-graphs", type=Path, metavar="DIR", help="instead of ROOT/SSG-VQA/scene_graph")
    about = "go on without scene graphs: where a relation decides, several options may then be right"
    parser.add_argument("--no-scene-graphs", action="store_true", help=about)
    rules = "unused: test on the seven videos that the release leaves out (inferred); official: SSG-VQA's; "
    rules += "file: ROOT/SSG-VQA/splits.json. Default: file if it exists, else unused"
    parser.add_argument("--split", choices=SPLIT_RULES, help=rules)
    size = "number of questions (default: %(default)s)"
    parser.add_argument("--train", type=count, default=SggOptions.train, metavar="N", help=size)
    default = "number of questions (default: 0 with `unused`, else as --test)"
    parser.add_argument("--validation", type=count, metavar="N", help=default)
    parser.add_argument("--test", type=count, default=SggOptions.test, metavar="N", help=size)
    about = "of the sample, the distractors and their order (default: %(default)s)"
    parser.add_argument("--seed", type=int, default=SggOptions.seed, help=about)
    parser.add_argument("--variant", choices=("balanced",), help=_BALANCED)


def _add_omnimed(sources: Any) -> None:
    example = "data prepare omnimed --root data --out prepared/omnimed"
    parser = _add_source(sources, "omnimed", "four-option microscopy records of OmniMedVQA", example, OmniMedOptions)
    parser.add_argument("--root", type=Path, required=True, help="folder with OmniMedVQA/")
    parser.add_argument("--questions", type=Path, metavar="DIR", help="OmniMedVQA's folder, instead of ROOT/OmniMedVQA")
    share = "share of each source's questions (default: %(default)g)"
    for split in ("test", "validation"):
        default = getattr(OmniMedOptions, f"{split}_fraction")
        parser.add_argument(f"--{split}-fraction", type=float, default=default, metavar="F", help=share)
    parser.add_argument("--med-r1", type=Path, metavar="DIR", help="use Med-R1's split: its micro_{train,test}.json")
    for split in ("train", "validation", "test"):
        parser.add_argument(f"--{split}", type=count, metavar="N", help="largest number of questions (default: all)")
    about = "of the split and the sample (default: %(default)s)"
    parser.add_argument("--seed", type=int, default=OmniMedOptions.seed, help=about)
    about = f"{_BALANCED}; confounded, for generated data: distractors that are never right"
    parser.add_argument("--variant", choices=("balanced", "confounded"), help=about)


def _add_released(sources: Any) -> None:
    example = "data prepare released GRPO.json --frames data/CholecT45/data --out prepared/released"
    parser = _add_source(sources, "released", "the authors' released training files", example, ReleasedOptions)
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="released JSON files")
    parser.add_argument("--frames", type=Path, required=True, metavar="DIR", help="CholecT45/data")
    parser.add_argument("--scene-graphs", type=Path, metavar="DIR", help="SSG-VQA/scene_graph, for rationales")
    about = "share of the questions to test on, whole videos (default: 0, all train as released)"
    parser.add_argument("--test-share", type=float, default=ReleasedOptions.test_share, metavar="F", help=about)
    about = "videos to test on, instead of a share"
    parser.add_argument("--test-videos", nargs="+", default=(), metavar="VID01", help=about)
    about = "of the videos that --test-share draws (default: %(default)s)"
    parser.add_argument("--seed", type=int, default=ReleasedOptions.seed, help=about)


def _check(args: argparse.Namespace) -> int:
    from anatomy_r1.data.prepared import check

    check(args.folder)
    print(f"{args.folder}: questions, counts and inputs are as the manifest says")
    return 0


def _add_leakage(commands: Any) -> None:
    about = "what training and test share by video, image, near-duplicate image and text; and the blind ceiling"
    parser = add_command(commands, "leakage", about, "data leakage --data prepared/sgg", _leakage)
    _add_sides(parser)
    videos = "a test side of which only the videos are known: SSG-VQA's official split, or those the release leaves out"
    parser.add_argument("--test-videos", choices=("official", "official-validation", "unused"), help=videos)


def _add_sides(parser: argparse.ArgumentParser) -> None:
    about = "prepared set: its training questions against its test questions"
    parser.add_argument("--data", type=Path, metavar="DIR", help=about)
    files = "released, Med-R1 or plain files instead of the prepared set's %s questions"
    parser.add_argument("--train-file", type=Path, nargs="+", default=[], metavar="FILE", help=files % "training")
    parser.add_argument("--test-file", type=Path, nargs="+", default=[], metavar="FILE", help=files % "test")
    parser.add_argument("--json", action="store_true", help="print JSON")


def _leakage(args: argparse.Namespace) -> int:
    import json

    from anatomy_r1.data.leakage.passport import as_text
    from anatomy_r1.data.leakage.sides import compare
    from anatomy_r1.errors import AnatomyR1Error
    from anatomy_r1.evaluation import blind_ceiling

    found = compare(args.data, args.train_file, args.test_file, args.test_videos)
    content, text = found.as_dict(), as_text(found)
    if not args.test_videos:  # with them, there are no test questions
        try:
            blind = _ceiling(args)
            content["blind_ceiling"] = blind.as_dict()
            text += f"\n\n{blind_ceiling.as_text(blind)}"
        except AnatomyR1Error as error:  # too few clusters: the rest of the passport stands
            text += f"\n\nblind ceiling: not computed: {error}"
    print(json.dumps(content, indent=1, ensure_ascii=False) if args.json else text)
    return 0


def _ceiling(args: argparse.Namespace) -> BlindCeiling:
    """The blind ceiling of the two sides that the arguments name."""
    from anatomy_r1.data.leakage.sides import side
    from anatomy_r1.evaluation.blind_ceiling import blind_ceiling

    (_, train), (_, test) = (side(name, args.data, getattr(args, f"{name}_file")) for name in ("train", "test"))
    return blind_ceiling(*(_balanced(train, test) if getattr(args, "variant", None) else (train, test)))


def _controls(args: argparse.Namespace) -> int:
    import json

    from anatomy_r1.errors import AnatomyR1Error
    from anatomy_r1.evaluation.blind_ceiling import as_text

    if args.variant and (args.data or args.files):
        fix = "use --train-file and --test-file; a prepared set is balanced by `data prepare --variant balanced`"
        raise AnatomyR1Error(f"--variant is for the sides that two files name. Fix: {fix}")
    sides = bool(args.data or args.train_file or args.test_file)
    if sides == bool(args.files):
        raise AnatomyR1Error("name files, or two sides with --data, --train-file and --test-file. Fix: one of the two")
    if not sides:
        return _cross_validated(args)
    found = _ceiling(args)
    print(json.dumps(found.as_dict(), indent=1, ensure_ascii=False) if args.json else as_text(found))
    return 0


def _balanced(train: Sequence[Question], test: Sequence[Question]) -> tuple[Sequence[Question], Sequence[Question]]:
    """Both sides balanced; what was kept and dropped goes to stderr, before anything is computed."""
    import sys

    from anatomy_r1.data.variants import balanced_sides

    found, exclusions = balanced_sides(train, test)
    for side, before in (("train", train), ("test", test)):
        print(f"{side}: {len(found[side]):,} of {len(before):,} questions balanced", file=sys.stderr)
    for reason, number in sorted(exclusions.excluded.items()):
        print(f"  left out: {number:,} x {reason}", file=sys.stderr)
    return found["train"], found["test"]


def _cross_validated(args: argparse.Namespace) -> int:
    """A row per file and rule, each file by itself."""
    import json
    from dataclasses import asdict

    from anatomy_r1.data.leakage.sides import read_questions
    from anatomy_r1.evaluation.blind_ceiling import ANSWERERS, percent
    from anatomy_r1.evaluation.blind_controls import correct, out_of_fold
    from anatomy_r1.scoring.intervals import cluster_interval

    rows = []
    for path in args.files:
        questions = read_questions([path])
        for name, control in ANSWERERS.items():
            right = correct(questions, out_of_fold(control, questions))
            rows.append((path.name, name, cluster_interval(right, [q.cluster for q in questions]).within()))
    if args.json:
        print(json.dumps([{"file": file, "rule": rule, **asdict(found)} for file, rule, found in rows], indent=1))
        return 0
    print(f"{'file':22}  {'rule':12}  {'right, percent [95 %]':>22}  {'SE':>5}  questions  clusters")
    for file, rule, found in rows:
        se = 100 * (found.se or 0.0)
        print(f"{file:22}  {rule:12}  {percent(found):>22}  {se:5.2f}  {found.n:9,}  {found.clusters:8,}")
    return 0
