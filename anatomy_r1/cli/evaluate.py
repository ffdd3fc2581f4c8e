"""`anatomy-r1 tasks`, `evaluate`, `score` and `log`. Imports nothing heavy, so that `--help` is quick."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from anatomy_r1.arithmetic import MODES, machine_note, use_portable
from anatomy_r1.cli.commands import add_command, add_group
from anatomy_r1.evaluation.config import ENGINES, EvaluationConfig, Shard

EXAMPLE = """evaluate sgg_anatomy_mini --data prepared --model models/mini-l --log log.sqlite --max-new-tokens 24
  anatomy-r1 evaluate sgg_anatomy --data prepared --log log.sqlite --engine server \\
    --base-url http://127.0.0.1:8000/v1 --model Qwen/Qwen2.5-VL-7B-Instruct"""
SERVER_OPTIONS = (
    "base_url", "concurrency", "timeout", "retries", "allow_upload", "plain_openai", "leave_out", "max_tokens_name",
)  # fmt: skip

SALVAGE = "log salvage log.sqlite saved.sqlite"
MERGE = """log merge whole.sqlite part1.sqlite part2.sqlite
  anatomy-r1 score whole.sqlite --data prepared"""


def add_tasks_commands(subparsers: Any) -> None:
    """Add `tasks` and its subcommands."""
    commands = add_group(subparsers, "tasks", "the lm-eval tasks", "tasks install")
    add_command(commands, "list", "names of all tasks and groups", "tasks list", _list)
    about = "make the tasks available to the `lm-eval` command (not needed for an installed wheel)"
    add_command(commands, "install", about, "tasks install", _install)
    add_command(commands, "uninstall", "undo `install`", "tasks uninstall", _uninstall)


def _list(_: argparse.Namespace) -> int:
    from anatomy_r1.evaluation.task_files import task_files

    print("\n".join(task_files()))
    return 0


def _install(_: argparse.Namespace) -> int:
    from anatomy_r1.evaluation.task_files import install, lm_eval_folder

    written = install()
    print(f"{lm_eval_folder()}: {f'{len(written)} tasks written' if written else 'the tasks are installed already'}")
    return 0


def _uninstall(_: argparse.Namespace) -> int:
    from anatomy_r1.evaluation.task_files import lm_eval_folder, uninstall

    print(f"{lm_eval_folder()}: {len(uninstall())} tasks removed")
    return 0


def add_evaluate_command(commands: Any) -> None:
    """Add `evaluate` with its arguments. Options that are not given keep the defaults of `EvaluationConfig`."""
    about = "generate and score a model's responses; resumes when it is run again"
    parser = add_command(commands, "evaluate", about, EXAMPLE, _evaluate)
    parser.argument_default = argparse.SUPPRESS
    default = EvaluationConfig()
    parser.add_argument("task", help="benchmark, for example sgg_anatomy or sgg_anatomy_mini")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="prepared set, or its parent")
    parser.add_argument("--model", required=True, help="folder of the checkpoint, or the server's name for its model")
    parser.add_argument("--log", type=Path, required=True, metavar="FILE", help="response log, created if missing")
    parser.add_argument("--results", type=Path, metavar="FILE", help="JSON file for metrics (default: beside the log)")
    parser.add_argument("--style", choices=("think", "direct"), help=f"prompt style (default: {default.style})")
    about = "controls: images of another cluster, or none (default: real)"
    parser.add_argument("--images", choices=("real", "swapped", "none"), help=about)
    about = "a control: every cyclic order of the options (default: given)"
    parser.add_argument("--options", choices=("given", "rotated"), help=about)
    about = f"split of the prepared set (default: {default.split})"
    parser.add_argument("--split", choices=("train", "validation", "test"), help=about)
    parser.add_argument("--seed", type=int, help=f"random seed of sampling and image swaps (default: {default.seed})")
    about = f"temperature of the sampled responses (default: {default.temperature:g})"
    parser.add_argument("--temperature", type=float, help=about)
    about = f"maximum tokens per response (default: {default.max_new_tokens})"
    parser.add_argument("--max-new-tokens", type=int, metavar="N", help=about)
    parser.add_argument(
        "--engine-arg", dest="engine_args", action="append", type=_engine_arg, default=[], metavar="NAME=VALUE",
        help="engine argument, such as gpu_memory_utilization=0.8 or tensor_parallel_size=4 (vllm); repeatable",
    )  # fmt: skip
    about = "questions per batch (default: 16; vllm: as many as keep it busy)"
    parser.add_argument("--batch-size", type=int, metavar="N", help=about)
    parser.add_argument("--limit", type=int, metavar="N", help="only the first N questions")
    about = "only every N-th question, starting with the I-th; `anatomy-r1 log merge` merges the logs of all shards"
    parser.add_argument("--shard", type=_shard, metavar="I/N", help=about)
    parser.add_argument("--device", help="cpu, cuda, cuda:1 ... (default: cuda if available)")
    parser.add_argument("--dtype", help="float32, bfloat16 ... (default: the checkpoint's)")
    parser.add_argument("--wait", type=float, metavar="S", help="seconds to wait for another writer of the log")
    about = "portable: the same bytes on every x86-64 machine with AVX2, in about twice the time (docs/portable.md)"
    parser.add_argument("--arithmetic", choices=MODES, help=f"{about}; default: native")
    parser.add_argument("--engine", choices=ENGINES, help=f"what generates the responses (default: {default.engine})")
    _add_server_options(parser)


def _add_server_options(parser: argparse.ArgumentParser) -> None:
    about = "any OpenAI-compatible server (vLLM, SGLang, a hosted model). Its key is read only from the environment\n"
    about += "variable ANATOMY_R1_API_KEY. Exit status 3: responses are missing, run the command again. What is read\n"
    about += "how from servers: docs/servers.md"
    group = parser.add_argument_group("--engine server", about)
    group.add_argument("--base-url", metavar="URL", help="usually ends in /v1")
    group.add_argument("--concurrency", type=int, metavar="N", help="concurrent requests (default: 16)")
    group.add_argument(
        "--timeout", type=float, metavar="S", help="seconds without data before a timeout (default: 300)"
    )
    group.add_argument("--retries", type=int, metavar="N", help="retries per failed request (default: 8)")
    allow = "allow sending questions and images to another machine; prints the data's terms"
    group.add_argument("--allow-upload", action="store_true", help=allow)
    plain = "leave out top_k, min_p, repetition_penalty and skip_special_tokens, which OpenAI's own API rejects"
    group.add_argument("--plain-openai", action="store_true", help=plain)
    about = "further arguments to leave out, such as temperature,seed: the server then decides, and the log says so"
    group.add_argument("--leave-out", metavar="NAMES", help=about)
    about = "name of the token limit (default: max_tokens, or max_completion_tokens if the server refuses that)"
    group.add_argument("--max-tokens-name", choices=("max_tokens", "max_completion_tokens"), help=about)


def _engine_arg(text: str) -> tuple[str, Any]:
    """`name=value`, the value as JSON if it is valid JSON."""
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _shard(text: str) -> Shard:
    try:
        return Shard.read(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _evaluate(args: argparse.Namespace) -> int:
    from anatomy_r1.evaluation.evaluate import evaluate
    from anatomy_r1.scoring.score import score
    from anatomy_r1.scoring.validity import validity_problems

    options = {name: value for name, value in vars(args).items() if name not in ("run", "arithmetic")}
    if getattr(args, "arithmetic", "native") == "portable":  # `main` has seen to the environment
        _start_portable()
    server = {name: options.pop(name) for name in SERVER_OPTIONS if name in options}
    options["engine_args"] = dict(options["engine_args"]) | server
    found = evaluate(**options)
    print(f"{found.questions} questions, {found.generated} responses generated in {found.seconds:.1f} s")
    scope = f"of shard {options['shard']} alone, not of the run:  " if "shard" in options else ""
    print(scope + "  ".join(f"{name} {value:.4f}" for name, value in found.metrics.items()))
    print(f"log: {found.log} (run {found.run})\nresults: {found.results}")
    if "shard" in options:
        print("whether the run is fit to be compared is said by `anatomy-r1 score` of the merged log")
        return 0
    for reason in validity_problems(score(found.log, args.data, found.run)):
        print(f"UNFIT: {reason}")
    return 0


def _start_portable() -> None:
    use_portable()
    if note := machine_note():
        print(note, file=sys.stderr)


def add_score_command(commands: Any) -> None:
    """Add `score` with its arguments."""
    about = "compute every metric from a response log, without a model"
    example = "score results/demo/responses/*/mini-l/cot-sft/seed0/*.sqlite --data results/demo/data"
    parser = add_command(commands, "score", about, example, _score)
    parser.add_argument("log", type=Path, metavar="LOG", help="response log")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="prepared set, or its parent")
    parser.add_argument("--run", dest="run_name", metavar="NAME", help="name of the run, if the log holds several")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--parquet", type=Path, metavar="FILE", help="also export all responses to this file")


def _score(args: argparse.Namespace) -> int:
    from anatomy_r1.evaluation.blind_difference import beside_blind, blind_json, blind_line, recorded_scores
    from anatomy_r1.scoring.report import as_json, as_text
    from anatomy_r1.scoring.score import score

    scores = score(args.log, args.data, args.run_name)
    if args.parquet:
        from anatomy_r1.response_log.log import ResponseLog

        with ResponseLog(args.log, read_only=True) as log:
            log.export(args.parquet)
    table, record = recorded_scores(scores, args.data)
    blind = beside_blind([table], [record])
    print(as_json(scores, {"blind": blind_json(blind)}) if args.json else as_text(scores, [blind_line(blind)]))
    return 0


def add_log_commands(subparsers: Any) -> None:
    """Add `log` and its subcommands."""
    about = "response logs: merge several, or salvage a damaged one"
    commands = add_group(subparsers, "log", about, SALVAGE)
    about = "write all responses of several logs to a new one, such as the shards of an evaluation"
    parser = add_command(commands, "merge", about, MERGE, _merge)
    parser.add_argument("new", type=Path, metavar="NEW", help="response log to create")
    parser.add_argument("logs", type=Path, nargs="+", metavar="LOG", help="response logs, which are not changed")
    about = "write the intact responses of a damaged log to a new one; the damaged one is not changed"
    parser = add_command(commands, "salvage", about, SALVAGE, _salvage)
    parser.add_argument("log", type=Path, metavar="LOG", help="damaged response log")
    parser.add_argument("new", type=Path, metavar="NEW", help="response log to create")


def _merge(args: argparse.Namespace) -> int:
    from anatomy_r1.response_log.log import merge

    found = merge(args.logs, args.new)
    print(f"{args.new}: {found.responses} responses, {found.runs} runs")
    return 0


def _salvage(args: argparse.Namespace) -> int:
    from anatomy_r1.response_log.log import salvage

    found = salvage(args.log, args.new)
    print(f"{args.new}: {found.responses} responses and {found.runs} runs kept")
    print("run the same `anatomy-r1 evaluate` command with this --log: it generates only the missing responses")
    return 0
