"""`anatomy-r1 certify`: does a training's log support its plan? Only argparse is imported here."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from anatomy_r1.cli.commands import add_command

ABOUT = """what a training log proves: loss, advantages, curriculum, S(q), budget, groups, data

Exits with status 1 if any check failed; docs/certificates.md explains each check."""
EXAMPLE = "certify runs/mini/train/sgg_anatomy_mini/mini-l/grpo/seed0 --data runs/mini/data/sgg_anatomy_mini"


def add_certify_command(commands: Any) -> None:
    """Add `certify` with its arguments."""
    parser = add_command(commands, "certify", ABOUT, EXAMPLE, _certify)
    parser.add_argument(
        "trainings", type=Path, nargs="+", metavar="TRAINING", help="folder of a finished training, or its log"
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="prepared set that it trained on; without it, less is checkable",
    )
    parser.add_argument("--json", action="store_true", help="print a JSON object, by training")


def _certify(args: argparse.Namespace) -> int:
    import json

    from anatomy_r1.data.prepared import load
    from anatomy_r1.training.certificate.certificate import as_text, load_evidence
    from anatomy_r1.training.certificate.certify import certify

    training_set = load(args.data, "train") if args.data else None
    found = {str(path): certify(load_evidence(path, training_set)) for path in args.trainings}
    if args.json:
        print(json.dumps({path: one.as_dict() for path, one in found.items()}, indent=1))
    else:
        print("\n\n".join(f"{path}\n{as_text(one)}" for path, one in found.items()))
    return int(any(one.failed for one in found.values()))
