"""Break a valid example of every file format in many ways, and run the command that reads it.

    python scripts/mutate.py                                 1,000 mutants of each format
    python scripts/mutate.py --count 100 --only store log    100 of each format with `store` or `log` in its name
    python scripts/mutate.py --list                          names of the formats

A mutant may be truncated, have flipped bits, lost, doubled or misspelt keys, values of another type, NaN, huge numbers,
deep nesting, bytes that are no text, or paths that leave their root. The commands run in this process. Counted are:

    tracebacks   anything but an error in words: always a fault
    accepted     exit status 0 and no warning, although the mutant is broken beyond doubt: a fault, since a false score
                 may follow
    refused      another exit status, with a message
    harmless     accepted, and rightly so as far as can be said: an unused key, a flipped bit of a text

The same seed gives the same mutants. Exit status: 1 if there is a fault, else 0.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
VERDICTS = ("traceback", "accepted", "refused", "harmless")
FAULTS = VERDICTS[:2]
SHOWN = 5
"""Faults of each format that are printed."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status."""
    args = _arguments(arguments)
    sys.path.insert(0, str(ROOT))  # the examples are made by the tests' helpers
    formats = [one for one in import_module("tests.fuzz.formats").FORMATS if _wanted(one.name, args.only)]
    if args.list or not formats:
        print("\n".join(one.name for one in formats) or f"no format has any of {args.only} in its name")
        return 0 if formats else 2
    with tempfile.TemporaryDirectory(prefix="mutate-") as folder:
        outcomes = list(_outcomes(Path(folder), formats, args.count, args.seed))
    print(_report(outcomes, [one.name for one in formats]))
    return int(any(one.verdict in FAULTS for one in outcomes))


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1000, metavar="N", help="mutants of each format (default: 1000)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the mutants (default: 0)")
    parser.add_argument("--only", nargs="+", default=[], metavar="WORD", help="formats with one of these in their name")
    parser.add_argument("--list", action="store_true", help="print the names of the formats")
    return parser.parse_args(arguments)


def _wanted(name: str, only: Sequence[str]) -> bool:
    return not only or any(word.lower() in name.lower() for word in only)


def _outcomes(folder: Path, formats: Sequence[Any], count: int, seed: int) -> Iterable[Any]:
    from tqdm import tqdm

    bench = import_module("tests.fuzz.trial").Bench(folder)
    with tqdm(total=count * len(formats), unit="mutant", mininterval=1, disable=None) as bar:
        for form in formats:
            bar.set_description(form.name)
            for outcome in bench.trials(form, random.Random(f"{seed}/{form.name}"), count):
                bar.update()
                yield outcome


def _report(outcomes: Sequence[Any], names: Sequence[str]) -> str:
    """A row for each format, then the first faults in full."""
    counts = {name: Counter(one.verdict for one in outcomes if one.format == name) for name in names}
    width = max(map(len, [*names, "total"]))
    rows = [f"{'format':{width}}  tracebacks  accepted  refused  harmless"]
    for name, found in [*counts.items(), ("total", sum(counts.values(), Counter()))]:
        numbers = (f"{found[verdict]:{size}}" for verdict, size in zip(VERDICTS, (10, 8, 7, 8), strict=True))
        rows.append(f"{name:{width}}  " + "  ".join(numbers))
    for name in names:
        faults = [one for one in outcomes if one.format == name and one.verdict in FAULTS]
        rows += [f"{one.verdict}: {name}: {one.what}: {' '.join(one.detail.split())[-200:]}" for one in faults[:SHOWN]]
    return "\n".join(rows)


if __name__ == "__main__":
    sys.exit(main())
