"""`anatomy-r1`: data, tasks, evaluate, score, compare, regress, certify, submit, log, similarity.

Only argparse is imported here: `--help` is quick.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from anatomy_r1 import __version__, certify_cli, compare_cli, regress_cli, submit_cli
from anatomy_r1.data_cli import add_data_commands
from anatomy_r1.engines.open import ENGINES
from anatomy_r1.log_cli import add_log_commands
from anatomy_r1.similarity_cli import add_similarity_commands

EXAMPLE = """example:
  anatomy-r1 data mini --out runs/world
  anatomy-r1 data prepare sgg --root runs/world --out prepared/sgg_anatomy_mini
  anatomy-r1 evaluate sgg_anatomy_mini --data prepared --model models/mini-l --log log.sqlite --max-new-tokens 24
  anatomy-r1 score log.sqlite --data prepared"""

SERVER_OPTIONS = ("base_url", "concurrency", "timeout", "retries", "allow_upload", "plain_openai")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status.

    0: done. 2: an error that the message tells how to mend. 3: some responses are missing for want of an answer, and
    the same command asks for them. `regress` has 1 and 4 besides.
    """
    args = _parser().parse_args(arguments)
    from anatomy_r1.errors import AnatomyR1Error, IncompleteError
    from anatomy_r1.sources.errors import DataError

    try:
        return int(args.run(args) or 0)
    except (AnatomyR1Error, DataError) as error:
        print(f"error: {_printable(str(error))}", file=sys.stderr)
        return 3 if isinstance(error, IncompleteError) else 2
    except KeyboardInterrupt:
        print("stopped; what was done is kept: run the same command again", file=sys.stderr)
        return 130


def _printable(text: str) -> str:
    """Names from stores and data must not command the terminal."""
    return "".join(character if character.isprintable() or character == "\n" else "?" for character in text)


def _parser() -> argparse.ArgumentParser:
    parser = _described(argparse.ArgumentParser, "Research only, not for clinical use.", EXAMPLE, prog="anatomy-r1")
    parser.add_argument("--version", action="version", version=f"anatomy-r1 {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    add_data_commands(commands)
    _add_tasks(commands)
    _add_evaluate(commands)
    _add_score(commands)
    about, example = compare_cli.ABOUT, f"compare {compare_cli.EXAMPLE}"
    compare_cli.add_compare_options(_command(commands, "compare", about, example, compare_cli.run_compare))
    about, example = certify_cli.ABOUT, f"certify {certify_cli.EXAMPLE}"
    certify_cli.add_certify_options(_command(commands, "certify", about, example, certify_cli.run_certify))
    about, example = regress_cli.ABOUT, regress_cli.EXAMPLE
    regress_cli.add_regress_options(_command(commands, "regress", about, example, regress_cli.run_regress))
    about, example = submit_cli.ABOUT, submit_cli.EXAMPLE
    submit_cli.add_submit_options(_command(commands, "submit", about, example, submit_cli.run_submit))
    add_log_commands(commands)
    add_similarity_commands(commands)
    return parser


def _described(make: Callable[..., Any], about: str, example: str, **more: Any) -> argparse.ArgumentParser:
    shape = argparse.RawDescriptionHelpFormatter
    parser: argparse.ArgumentParser = make(description=about, epilog=example, formatter_class=shape, **more)
    return parser


def _command(
    commands: Any, name: str, about: str, example: str, run: Callable[[argparse.Namespace], int]
) -> argparse.ArgumentParser:
    def make(**more: Any) -> Any:
        return commands.add_parser(name, help=about.partition("\n")[0], **more)

    parser = _described(make, about, f"example:\n  anatomy-r1 {example}")
    parser.set_defaults(run=run)
    return parser


def _add_tasks(commands: Any) -> None:
    example = "example:\n  anatomy-r1 tasks install"
    tasks = commands.add_parser("tasks", help="the lm-eval tasks", description="The lm-eval tasks.", epilog=example)
    tasks.formatter_class = argparse.RawDescriptionHelpFormatter
    inner = tasks.add_subparsers(dest="tasks_command", required=True, metavar="COMMAND")
    _command(inner, "list", "names of all tasks and groups", "tasks list", _tasks_list)
    about = "make the tasks known to the `lm-eval` command (an installed wheel does not need it)"
    _command(inner, "install", about, "tasks install", _tasks_install)
    _command(inner, "uninstall", "undo `install`", "tasks uninstall", _tasks_uninstall)


def _add_evaluate(commands: Any) -> None:
    example = "evaluate sgg_anatomy_mini --data prepared --model models/mini-l --log log.sqlite --max-new-tokens 24"
    example += "\n  anatomy-r1 evaluate sgg_anatomy --data prepared --log log.sqlite --engine server \\\n"
    example += "    --base-url http://127.0.0.1:8000/v1 --model Qwen/Qwen2.5-VL-7B-Instruct"
    about = "sample and score a model's responses; goes on where it was when run again"
    parser = _command(commands, "evaluate", about, example, _evaluate)
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
    from anatomy_r1.shards import Shard

    try:
        return Shard.read(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _add_score(commands: Any) -> None:
    about = "compute every metric from a response log, without a model"
    parser = _command(commands, "score", about, "score log.sqlite --data prepared --json", _score)
    parser.add_argument("log", type=Path, metavar="LOG", help="response log")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="prepared set, or its parent")
    parser.add_argument("--run", dest="run_name", metavar="NAME", help="which run, where the log holds several")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--parquet", type=Path, metavar="FILE", help="also export all responses")


def _tasks_list(_: argparse.Namespace) -> int:
    from anatomy_r1.tasks_install import task_files

    print("\n".join(task_files()))
    return 0


def _tasks_install(_: argparse.Namespace) -> int:
    from anatomy_r1.tasks_install import install, lm_eval_folder

    written = install()
    print(f"{lm_eval_folder()}: {f'{len(written)} tasks written' if written else 'the tasks are there already'}")
    return 0


def _tasks_uninstall(_: argparse.Namespace) -> int:
    from anatomy_r1.tasks_install import lm_eval_folder, uninstall

    print(f"{lm_eval_folder()}: {len(uninstall())} tasks removed")
    return 0


def _evaluate(args: argparse.Namespace) -> int:
    from anatomy_r1.evaluate import evaluate

    options = {name: value for name, value in vars(args).items() if name not in ("command", "run")}
    engine_args = dict(options.pop("engine_args")) | {name: options.pop(name) for name in SERVER_OPTIONS}
    found = evaluate(**options, engine_args=engine_args)
    print(f"{found.questions} questions, {found.made} responses generated in {found.seconds:.1f} s")
    of = f"of part {args.shard} alone, not of the run:  " if args.shard else ""
    print(of + "  ".join(f"{name} {value:.4f}" for name, value in found.metrics.items()))
    print(f"log: {found.log} (run {found.run})\nresults: {found.results}")
    return 0


def _score(args: argparse.Namespace) -> int:
    from anatomy_r1.score import score
    from anatomy_r1.score_text import as_json, as_text

    scores = score(args.log, args.data, args.run_name)
    if args.parquet:
        from anatomy_r1.responses import ResponseLog

        with ResponseLog(args.log, read_only=True) as log:
            log.export(args.parquet)
    print(as_json(scores) if args.json else as_text(scores))
    return 0


if __name__ == "__main__":
    sys.exit(main())
