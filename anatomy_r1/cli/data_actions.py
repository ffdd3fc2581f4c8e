"""What the `anatomy-r1 data` commands do with their parsed arguments (the arguments themselves: `data_cli`)."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from anatomy_r1.data.prepare import omnimed as prepare_omnimed
from anatomy_r1.data.prepare import released as prepare_released
from anatomy_r1.data.prepare import sgg as prepare_sgg
from anatomy_r1.data.prepare import sgg as sgg_questions
from anatomy_r1.data.prepared import check as check_set
from anatomy_r1.data.prepared import load_manifest
from anatomy_r1.data.problems import DataError, Problems
from anatomy_r1.data.readers.files import read_json
from anatomy_r1.data.splits import SPLITS, SplitRule, rule_file, rule_official, rule_unused


def mini(args: argparse.Namespace) -> None:
    """`anatomy-r1 data mini`."""
    from anatomy_r1.mini.samples import write_sample_page
    from anatomy_r1.mini.world import WorldSpec, write_world

    write_world(args.out, WorldSpec() if args.seed is None else WorldSpec(seed=args.seed))
    page, _ = write_sample_page(args.out, args.out / "samples")
    print(f"wrote {args.out}; a page of samples to look at: {page}")


def sgg(args: argparse.Namespace) -> None:
    """`anatomy-r1 data prepare sgg`."""
    overrides = {"qa_txt": args.questions, "frames": args.frames, "scene_graph": args.scene_graphs}
    sources = replace(prepare_sgg.Sources.below(args.root), **{role: path for role, path in overrides.items() if path})
    rule = _rule(args)
    if rule.name == "file":
        sources = replace(sources, split_file=_split_file(args))
    spare = 0 if rule.name == "unused" else args.test
    sizes = {
        "train": args.train,
        "validation": spare if args.validation is None else args.validation,
        "test": args.test,
    }
    generated = _generated(args.root, sources.qa_txt, sources.frames)
    inferred = {"sizes_inferred": not generated, "split_inferred": rule.name == "unused"}
    plan = sgg_questions.Plan(rule, sizes, args.seed, _benchmark("sgg_anatomy", generated))
    problems = _problems(args)
    prepare_sgg.prepare(sources, plan, problems, args.out, {"generated": generated, **inferred})
    _report(args.out, problems, sizes)


def _split_file(args: argparse.Namespace) -> Path:
    return Path(args.root) / "SSG-VQA" / "splits.json"


def _rule(args: argparse.Namespace) -> SplitRule:
    path = _split_file(args)
    name = args.split or ("file" if path.is_file() else "unused")
    if name != "file":
        return rule_official() if name == "official" else rule_unused(validation=bool(args.validation))
    if not path.is_file():
        raise DataError(f"{path}: no such file. Fix: write it, or use --split unused or official")
    return rule_file(read_json(path.read_bytes(), path.name), path.name)


def omnimed(args: argparse.Namespace) -> None:
    """`anatomy-r1 data prepare omnimed`."""
    root = args.questions or args.root / "OmniMedVQA"
    generated = _generated(args.root, root)
    sizes = {split: size for split in SPLITS if (size := getattr(args, split)) is not None}
    plan = prepare_omnimed.Plan(
        seed=args.seed,
        benchmark=_benchmark("omnimed_mi", generated),
        test=args.test_fraction,
        validation=args.validation_fraction,
        med_r1=args.med_r1,
        sizes=sizes,
    )
    problems = _problems(args)
    notes = {"generated": generated, "sizes_inferred": not generated, "split_inferred": args.med_r1 is None}
    prepare_omnimed.prepare(root, plan, problems, args.out, notes)
    _report(args.out, problems, sizes)


def released(args: argparse.Namespace) -> None:
    """`anatomy-r1 data prepare released`."""
    generated = _generated(args.frames)
    notes = {
        "benchmark": _benchmark("sgg_anatomy", generated),
        "generated": generated,
        "sizes_inferred": False,
        "seed": 0,
    }
    problems = _problems(args)
    prepare_released.prepare(args.files, args.frames, problems, args.out, notes, scene_graphs=args.scene_graphs)
    _report(args.out, problems, {})


def check(args: argparse.Namespace) -> None:
    """`anatomy-r1 data check`."""
    check_set(args.folder)
    print(f"{args.folder}: questions, counts and inputs are as the manifest says")


def leakage(args: argparse.Namespace) -> None:
    """`anatomy-r1 data leakage`."""
    import json

    from anatomy_r1.data.leakage.sides import compare
    from anatomy_r1.data.leakage.text import as_text

    found = compare(args.data, args.train_file, args.test_file, args.test_videos)
    print(json.dumps(found.as_dict(), indent=1, ensure_ascii=False) if args.json else as_text(found))


def controls(args: argparse.Namespace) -> None:
    """`anatomy-r1 data controls`."""
    from anatomy_r1.data.leakage.sides import questions
    from anatomy_r1.evaluation.blind_controls import CONTROLS, correct, out_of_fold
    from anatomy_r1.scoring.intervals import cluster_interval

    print(f"{'file':22}  {'control':11}  right, percent  {'SE':>5}  95 % interval    questions  clusters")
    for path in args.files:
        asked = questions([path])
        for name, control in CONTROLS.items():
            found = cluster_interval(correct(asked, out_of_fold(control, asked)), [q.cluster for q in asked])
            low, high, se = (100 * (value or 0.0) for value in (found.low, found.high, found.se))
            print(
                f"{path.name:22}  {name:11}  {100 * found.mean:14.2f}  {se:5.2f}  [{low:5.2f}, {high:5.2f}]   "
                f"{found.n:9,}  {found.clusters:8,}"
            )


def _generated(*folders: Path) -> bool:
    """Whether any folder lies in a generated world: a score on it must never pass for a real one."""
    return any((parent / "world.json").is_file() for f in folders for parent in (f.resolve(), *f.resolve().parents))


def _benchmark(name: str, generated: bool) -> str:
    return f"{name}_mini" if generated else name


def _problems(args: argparse.Namespace) -> Problems:
    return Problems(skip=args.skip_bad)


def _report(out: Path, problems: Problems, wanted: dict[str, int]) -> None:
    manifest = load_manifest(out)
    for split, count in manifest["counts"].items():
        note = f" ({wanted[split]} asked for)" if count["questions"] < wanted.get(split, 0) else ""
        print(f"{manifest['benchmark']} {split}: {count['questions']} questions{note}, {count['clusters']} clusters")
    for reason, number in manifest["excluded"].items():
        print(f"  left out: {number:,} x {reason}")
    if problems.skipped:
        print(f"  bad records skipped: {len(problems.skipped)}, listed in {out / 'manifest.json'}")
