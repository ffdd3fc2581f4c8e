"""Train and evaluate methods in a grid (benchmark x model x method x seed), or print what that takes."""

from __future__ import annotations

import argparse
import sys

from anatomy_r1.errors import AnatomyR1Error, missing_extra
from baselines.commands import EXAMPLE, add_bench_command, add_day_command, add_grid_commands, add_stage_commands


def main(argv: list[str] | None = None) -> int:
    """Returns the exit status: 0 done, 1 a stage failed, 2 bad arguments, 3 something is missing on this machine."""
    arguments = _parser().parse_args(argv)
    arguments.words = sys.argv[1:] if argv is None else argv
    try:
        return int(arguments.function(arguments))
    except AnatomyR1Error as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        if (needed := missing_extra(error, arguments.words)) is None:
            raise
        print(f"error: {needed}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; the same command resumes from here", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m baselines",
        description=__doc__,
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in (add_grid_commands, add_bench_command, add_day_command, add_stage_commands):
        add(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
