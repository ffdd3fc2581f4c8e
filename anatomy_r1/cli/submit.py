"""`anatomy-r1 submit`. Only argparse is imported here, so that `--help` is quick."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from anatomy_r1.cli.commands import add_command

ABOUT = """add a model, a response log or lm-eval's results to a result store

SOURCE is the folder of a checkpoint (evaluated here, with --benchmark and --log), a response log of `anatomy-r1
evaluate`, or the --output_path of a stock lm-eval run with --log_samples. Everything is scored again from the raw
responses and written atomically, in the arm `submitted`. See docs/submit.md."""
EXAMPLE = """submit out --data prepared/sgg --store runs/paper/results --model qwen2.5-vl-7b --method ours
  anatomy-r1 submit log.sqlite --data prepared/sgg --store runs/paper/results --model qwen2.5-vl-7b --method ours
  anatomy-r1 submit models/ours --benchmark sgg_anatomy --log log.sqlite --data prepared/sgg \\
    --store runs/paper/results --model qwen2.5-vl-7b --method ours --train-data GRPO.json"""


def add_submit_command(commands: Any) -> None:
    """Add `submit` with its arguments."""
    parser = add_command(commands, "submit", ABOUT, EXAMPLE, _submit)
    parser.add_argument("source", type=Path, metavar="SOURCE", help="checkpoint, response log or lm-eval results")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="prepared set, or its parent")
    parser.add_argument("--store", type=Path, required=True, metavar="DIR", help="result store, created if missing")
    parser.add_argument("--model", required=True, metavar="NAME", help="name of the model in tables")
    parser.add_argument("--method", required=True, metavar="NAME", help="name of the method in tables")
    parser.add_argument("--benchmark", metavar="NAME", help="for a model, or if lm-eval's results hold several")
    parser.add_argument("--seed", type=int, metavar="N", help="seed; a log has its own (default: 0)")
    parser.add_argument("--run", dest="run_name", metavar="NAME", help="name of the run, if a log holds several")
    train = "training data: a prepared set (its training questions), or files as in `data leakage`"
    parser.add_argument("--train-data", type=Path, nargs="+", default=[], metavar="PATH", help=train)
    parser.add_argument("--profile", metavar="NAME", help="profile of a new store (default: submitted)")
    group = parser.add_argument_group("if SOURCE is a model")
    group.add_argument("--log", type=Path, metavar="FILE", help="response log; an interrupted run resumes from it")
    group.add_argument("--style", choices=("think", "direct"), default="think", help="prompt style (default: think)")
    group.add_argument("--temperature", type=float, default=1.0, help="sampling temperature (default: 1)")
    group.add_argument("--max-new-tokens", type=int, default=512, metavar="N", help="per response (default: 512)")
    group.add_argument("--batch-size", type=int, metavar="N", help="questions per batch (default: the engine's)")
    group.add_argument("--device", help="cpu, cuda, cuda:1 ... (default: cuda if available)")
    group.add_argument("--dtype", help="float32, bfloat16 ... (default: the checkpoint's)")
    engines = ("transformers", "vllm")
    group.add_argument("--engine", choices=engines, default="transformers", help="(default: transformers)")


def _submit(args: argparse.Namespace) -> int:
    from anatomy_r1.results.submission.submit import SubmissionRequest, submit
    from anatomy_r1.tables.text import plain_lines

    options = ("log", "style", "temperature", "max_new_tokens", "batch_size", "device", "dtype", "engine")
    request = SubmissionRequest(
        source=args.source,
        data=args.data,
        store=args.store,
        model=args.model,
        method=args.method,
        benchmark=args.benchmark,
        seed=args.seed,
        run=args.run_name,
        train_data=tuple(args.train_data),
        profile=args.profile,
        options={name: getattr(args, name) for name in options},
    )
    print(plain_lines(submit(request).summary()))
    return 0
