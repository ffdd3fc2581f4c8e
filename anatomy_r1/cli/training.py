"""`anatomy-r1 certify` and `similarity`. Only argparse is imported here, so that `--help` is quick."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from anatomy_r1.cli.commands import add_command, add_group

CERTIFY_ABOUT = """what a training log proves: loss, advantages, curriculum, S(q), budget, groups, data

Exits with status 1 if any check failed; docs/certificates.md explains each check."""
CERTIFY = "certify runs/mini/train/sgg_anatomy_mini/mini-l@mini-l-1/grpo/seed0 --data runs/mini/data/sgg_anatomy_mini"
CONVERT = "similarity convert medclip-vit-pretrained/pytorch_model.bin medclip/model.safetensors"
MEDCLIP = """similarity make --encoder medclip --weights medclip/model.safetensors \\
    --bert emilyalsentzer/Bio_ClinicalBERT --data prepared/sgg --out similarity/medclip.json"""
OPEN_CLIP = """  anatomy-r1 similarity make --encoder open_clip --weights biomedclip --data prepared/sgg \\
    --out similarity/biomedclip.json"""
SHOW = "similarity show similarity/medclip.json"


def add_certify_command(commands: Any) -> None:
    """Add `certify` with its arguments."""
    parser = add_command(commands, "certify", CERTIFY_ABOUT, CERTIFY, _certify)
    about = "folder of a finished training, or its log"
    parser.add_argument("trainings", type=Path, nargs="+", metavar="TRAINING", help=about)
    about = "prepared set that it trained on; without it, less is checkable"
    parser.add_argument("--data", type=Path, metavar="DIR", help=about)
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


def add_similarity_commands(subparsers: Any) -> None:
    """Add `similarity` and its subcommands."""
    about = "similarities between option texts by a text encoder, for S(q) of ASC-Learning (the paper's eq. 3 and 4)"
    commands = add_group(subparsers, "similarity", about, MEDCLIP)
    _add_make(commands)
    about = "convert PyTorch weights (a pickle) to safetensors, without running code from the file"
    convert = add_command(commands, "convert", about, CONVERT, _convert)
    convert.add_argument("source", type=Path, metavar="BIN", help="state dict, as MedCLIP and BiomedCLIP publish it")
    convert.add_argument("target", type=Path, metavar="SAFETENSORS", help="file to write")
    show = add_command(commands, "show", "print a file of similarities as a table", SHOW, _show)
    show.add_argument("path", type=Path, metavar="JSON")


def _add_make(commands: Any) -> None:
    about = "encode the options of prepared sets and write their similarities"
    make = add_command(commands, "make", about, f"{MEDCLIP}\n{OPEN_CLIP}", _make)
    make.add_argument("--encoder", choices=("medclip", "open_clip"), default="medclip", help="(default: medclip)")
    about = "medclip: its checkpoint as safetensors; open_clip: a folder in its format, or a hub id (ID@REVISION)"
    make.add_argument("--weights", required=True, metavar="PATH", help=about)
    about = "medclip: folder or hub id with Bio_ClinicalBERT's configuration and tokenizer"
    make.add_argument("--bert", default="emilyalsentzer/Bio_ClinicalBERT", metavar="PATH", help=about)
    make.add_argument("--data", type=Path, nargs="+", required=True, metavar="DIR", help="prepared sets")
    make.add_argument("--wording", default="{}", help="text to encode, {} for the option (default: the option alone)")
    make.add_argument("--out", type=Path, required=True, metavar="JSON", help="file to write")


def _make(args: argparse.Namespace) -> int:
    from anatomy_r1.data.prepared import load
    from anatomy_r1.training.encoders import medclip, write_similarities
    from anatomy_r1.training.hub import snapshot
    from anatomy_r1.training.open_clip_tower import open_clip_encoder
    from anatomy_r1.training.tokens import partly_unknown

    if args.encoder == "medclip":
        encoder = medclip(Path(args.weights), snapshot(args.bert))
    else:
        encoder = open_clip_encoder(snapshot(args.weights))
    options = sorted({option for data in args.data for question in load(data).questions for option in question.options})
    made = write_similarities(encoder, options, args.out, args.wording)
    if encoder.token_ids and (partial := partly_unknown({one: encoder.token_ids(one) for one in options})):
        about = f"{len(partial)} of {len(options)} options have words that the tokenizer does not know"
        print(f"warning: {about}, e.g. {partial[0]!r}; their similarities say less than they seem to", file=sys.stderr)
    print(f"{args.out}: {len(made.names)} option texts by {made.encoder}")
    return 0


def _convert(args: argparse.Namespace) -> int:
    from anatomy_r1.training.encoders import convert

    print(f"{args.target}: {convert(args.source, args.target)} tensors")
    return 0


def _show(args: argparse.Namespace) -> int:
    from anatomy_r1.training.similarity import read_similarity

    found = read_similarity(args.path)
    print(found.encoder)
    width = max(len(name) for name in found.names)
    for name, row in zip(found.names, found.matrix, strict=True):
        print(f"{name:{width}}  " + " ".join(f"{value:6.3f}" for value in row))
    return 0
