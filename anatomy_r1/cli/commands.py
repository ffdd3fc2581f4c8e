"""What the commands of `anatomy-r1` have in common, and the report options of `compare` and `regress`.

Only argparse is imported at the top, so that `--help` is quick.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from anatomy_r1.tables.table import Document

Command = Callable[[argparse.Namespace], int]
"""Does what the arguments ask for, and returns the exit status."""

FORMATS = {"text": ".txt", "markdown": ".md", "json": ".json", "html": ".html"}


def add_command(commands: Any, name: str, about: str, example: str, run: Command) -> argparse.ArgumentParser:
    """Add a command. The list of commands shows the first line of `about`; `example` follows `anatomy-r1 `."""
    parser = _add(commands, name, about, example)
    parser.set_defaults(run=run, program=parser.prog)
    return parser


def add_group(commands: Any, name: str, about: str, example: str, metavar: str = "COMMAND") -> Any:
    """Add a command that has commands of its own; returns what these are added to."""
    return add_subcommands(_add(commands, name, about, example), metavar)


def add_subcommands(parser: argparse.ArgumentParser, metavar: str) -> Any:
    """What commands are added to. Without one, `parser` prints its help, which lists them, with exit status 2."""

    def show(_: argparse.Namespace) -> int:
        print(f"{parser.format_help()}\n{parser.prog}: error: name a {metavar}", file=sys.stderr)
        return 2

    parser.set_defaults(run=show)
    return parser.add_subparsers(metavar=metavar)


def count(text: str) -> int:
    """Parse a whole number that is not negative."""
    if (number := int(text)) < 0:
        raise argparse.ArgumentTypeError(f"{text} is below 0")
    return number


class Parser(argparse.ArgumentParser):
    """A parser whose errors end in the example of its help, in place of all options."""

    def error(self, message: str) -> NoReturn:
        """Print what is wrong, the example and where the rest is; exit status 2."""
        self.exit(2, f"{self.prog}: error: {message}\n\n{self.epilog}\n\nall options: {self.prog} --help\n")


def _add(commands: Any, name: str, about: str, example: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=about.partition("\n")[0],
        description=about,
        epilog=f"example:\n  anatomy-r1 {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    return parser


def add_report_options(parser: argparse.ArgumentParser) -> None:
    """`--flips`, `--format` and `--out`."""
    flips = "flipped questions to name in each direction (default: 10)"
    parser.add_argument("--flips", type=count, default=10, metavar="N", help=flips)
    parser.add_argument("--format", choices=tuple(FORMATS), default="text", help="format to print (default: text)")
    files = f"also write this file ({', '.join(FORMATS.values())}); may be repeated"
    parser.add_argument("--out", type=Path, action="append", default=[], metavar="FILE", help=files)


def check_formats(args: argparse.Namespace) -> None:
    """Check the files of `--out` before any work is done."""
    from anatomy_r1.errors import AnatomyR1Error

    for path in args.out:
        if path.suffix not in FORMATS.values():
            raise AnatomyR1Error(f"{path}: no such format. Fix: end it in one of {', '.join(FORMATS.values())}")


def write_report(
    args: argparse.Namespace, report: Document, as_json: Callable[[], str], printed: Document | None = None
) -> str:
    """Write the files of `--out`, and return the text of `--format`, with unescaped names; of `printed`, if given."""
    from anatomy_r1.files import write_output
    from anatomy_r1.tables import html, markdown, text

    render = {".txt": text.render, ".md": markdown.render, ".html": html.render}

    def made(suffix: str, of: Document) -> str:
        return as_json() if suffix == FORMATS["json"] else render[suffix](of)

    texts = {suffix: made(suffix, report) for suffix in {path.suffix for path in args.out}}
    for path in args.out:
        write_output(path, texts[path.suffix].encode("utf-8", "replace"))  # a name may not be valid Unicode
    return made(FORMATS[args.format], printed or report)
