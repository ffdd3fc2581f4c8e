"""`anatomy-r1`: data, tasks, evaluate, score, compare, power, regress, certify, submit, export, log, similarity.

Only argparse is imported at the top, so that `--help` is quick.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from anatomy_r1 import __version__
from anatomy_r1.arithmetic import restart_portable
from anatomy_r1.cli.commands import Parser, add_subcommands
from anatomy_r1.cli.compare import add_compare_command
from anatomy_r1.cli.data import add_data_commands
from anatomy_r1.cli.evaluate import add_evaluate_command, add_log_commands, add_score_command, add_tasks_commands
from anatomy_r1.cli.export import add_export_commands
from anatomy_r1.cli.power import add_power_command
from anatomy_r1.cli.regress import add_regress_command
from anatomy_r1.cli.submit import add_submit_command
from anatomy_r1.cli.training import add_certify_command, add_similarity_commands

EXAMPLE = """example: two methods of the committed results, without a model
  anatomy-r1 compare results/mini/store/*/mini-l@*/zero-shot/matched results/mini/store/*/mini-l@*/grpo/matched

example: a tiny model on generated data (extra `eval`; the model is trained in minutes on a CPU)
  anatomy-r1 data mini --out runs/world
  anatomy-r1 data prepare sgg --root runs/world --out prepared/sgg_anatomy_mini
  python -m anatomy_r1.mini.base --size mini-l --out models/mini-l
  anatomy-r1 evaluate sgg_anatomy_mini --data prepared --model models/mini-l --log log.sqlite --max-new-tokens 24
  anatomy-r1 score log.sqlite --data prepared

`anatomy-r1 COMMAND --help` has an example of each command. Training, tables and the site are commands of a checkout:
`python -m baselines --help`, `python -m reports --help`."""
ADDERS = (
    *(add_data_commands, add_tasks_commands, add_evaluate_command, add_score_command, add_compare_command),
    *(add_power_command, add_certify_command, add_regress_command, add_submit_command, add_export_commands),
    *(add_log_commands, add_similarity_commands),
)
"""In the order in which `--help` lists them."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status.

    0: done. 2: an error; the message says how to fix it. 3: some responses are missing, and running the same command
    again requests them. `regress` also returns 1 and 4.
    """
    words = sys.argv[1:] if arguments is None else arguments
    args = _parser().parse_args(words)
    program = vars(args).pop("program", "anatomy-r1")  # commands pass on what is left
    from anatomy_r1.cli.next_command import next_line
    from anatomy_r1.errors import AnatomyR1Error, IncompleteError, missing_extra
    from anatomy_r1.tables.text import plain_lines

    try:
        if getattr(args, "arithmetic", "native") == "portable":
            restart_portable("anatomy_r1.cli", words)
        return int(args.run(args))
    except AnatomyR1Error as error:
        lines = filter(None, (f"error: {error}", next_line(error, program, words)))
        print(plain_lines("\n".join(lines)), file=sys.stderr)
        return 3 if isinstance(error, IncompleteError) else 2
    except ModuleNotFoundError as error:
        if (needed := missing_extra(error, words)) is None:
            raise
        print(f"error: {needed}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; finished work is kept: run the same command again to resume", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="anatomy-r1",
        description="Research only, not for clinical use.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"anatomy-r1 {__version__}")
    commands = add_subcommands(parser, "COMMAND")
    for add in ADDERS:
        add(commands)
    return parser
