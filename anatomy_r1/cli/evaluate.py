"""`anatomy-r1 evaluate`. Only argparse is imported here, so that `--help` is quick."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from anatomy_r1.cli.commands import add_command
from anatomy_r1.evaluation.engines.registry import ENGINES

EXAMPLE = """evaluate sgg_anatomy_mini --data prepared --model models/mini-l --log log.sqlite --max-new-tokens 24
  anatomy-r1 evaluate sgg_anatomy --data prepared --log log.sqlite --engine server \\
    --base-url http://127.0.0.1:8000/v1 --model Qwen/Qwen2.5-VL-7B-Instruct"""
SERVER_OPTIONS = ("base_url", "concurrency", "timeout", "retries", "allow_upload", "plain_openai")


def add_evaluate_command(commands: Any) -> None:
    """Add `evaluate` with its arguments."""
    about = "sample and score a model's responses; goes on where it was when run again"
    parser = add_command(commands, "evaluate", about, EXAMPLE, _evaluate)
    parser.add_argument("task", help="benchmark, for example sgg_anatomy or sgg_anatomy_mini")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="prepared set, or its parent")
    parser.add_argument("--model", required=True, help="folder of the checkpoint, or the server's name for it")
    parser.add_argument("--log", type=Path, required=True, metavar="FILE", help="response log, made if missing")
    parser.add_argument("--results", type=Path, metavar="FILE", help="lm-eval's results (default: beside the log)")
    parser.add_argument("--style", choices=("think", "direct"), default="think", help="prompt (default: think)")
    parser.add_argument(
        "--images", choices=("real", "swapped", "none"), default="real", help="controls: another cluster's, or none"
    )
    parser.add_argument(
        "--options", choices=("given", "rotated"), default="given", help="a control: every cyclic order of the options"
    )
    parser.add_argument("--split", choices=("train", "validation", "test"), default="test", help="(default: test)")
    parser.add_argument("--seed", type=int, default=0, help="of sampling and swap (default: 0)")
    parser.add_argument("--temperature", type=float, default=1.0, help="of the sampled responses (default: 1)")
    parser.add_argument("--max-new-tokens", type=int, default=512, metavar="N", help="a response (default: 512)")
    parser.add_argument(
        "--engine-arg", dest="engine_args", action="append", type=_engine_arg, default=[], metavar="NAME=VALUE",
        help="of the engine's own, again for each, such as gpu_memory_utilization=0.8 or tensor_parallel_size=4 (vllm)",
    )  # fmt: skip
    about = "questions at a time (default: 16; vllm: as many as keep it busy)"
    parser.add_argument("--batch-size", type=int, metavar="N", help=about)
    parser.add_argument("--limit", type=int, metavar="N", help="only the first N questions")
    about = "only every N-th question, from the I-th on; `anatomy-r1 log merge` makes one log of all parts"
    parser.add_argument("--shard", type=_shard, metavar="I/N", help=about)
    parser.add_argument("--device", help="cpu, cuda, cuda:1 ... (default: cuda where there is one)")
    parser.add_argument("--dtype", help="float32, bfloat16 ... (default: the checkpoint's)")
    parser.add_argument("--wait", type=float, default=0.0, metavar="S", help="seconds to wait for the log's writer")
    parser.add_argument("--engine", choices=ENGINES, default="transformers", help="(default: transformers)")
    _add_server(parser)


def _add_server(parser: argparse.ArgumentParser) -> None:
    about = "any OpenAI-compatible server (vLLM, SGLang, a hosted model). Its key comes from the environment\n"
    about += "variable ANATOMY_R1_API_KEY and from nowhere else. Exit status 3: responses are missing, run it again"
    group = parser.add_argument_group("--engine server", about)
    group.add_argument("--base-url", metavar="URL", help="mostly ends in /v1")
    group.add_argument("--concurrency", type=int, metavar="N", help="requests at a time (default: 16)")
    group.add_argument("--timeout", type=float, metavar="S", help="seconds without a byte (default: 300)")
    group.add_argument("--retries", type=int, metavar="N", help="of a request that failed in passing (default: 8)")
    allow = "questions and pictures may go to a host that is not this machine; prints the data's terms"
    group.add_argument("--allow-upload", action="store_true", default=None, help=allow)
    plain = "leave out top_k, min_p and repetition_penalty, which OpenAI's own API refuses"
    group.add_argument("--plain-openai", action="store_true", default=None, help=plain)


def _engine_arg(text: str) -> tuple[str, Any]:
    """`name=value`, the value as JSON where it is some."""
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _shard(text: str) -> Any:
    from anatomy_r1.evaluation.shards import Shard

    try:
        return Shard.read(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _evaluate(args: argparse.Namespace) -> int:
    from anatomy_r1.evaluation.evaluate import evaluate

    options = {name: value for name, value in vars(args).items() if name != "run"}
    engine_args = dict(options.pop("engine_args")) | {name: options.pop(name) for name in SERVER_OPTIONS}
    found = evaluate(**options, engine_args=engine_args)
    print(f"{found.questions} questions, {found.made} responses generated in {found.seconds:.1f} s")
    of = f"of part {args.shard} alone, not of the run:  " if args.shard else ""
    print(of + "  ".join(f"{name} {value:.4f}" for name, value in found.metrics.items()))
    print(f"log: {found.log} (run {found.run})\nresults: {found.results}")
    return 0
