"""Does the recipe still give the committed results? Trains and evaluates anew, then runs the gate.

    python scripts/regress.py                                    CoT-SFT of the mini profile, three training seeds
    python scripts/regress.py --method grpo --seeds 100 101      another method of the committed results
    python scripts/regress.py --junit junit.xml                  other options go to `anatomy-r1 regress`

It trains the world, the base and the method, with seeds that the committed results do not have. So the noise is that of
training (`--mode training`), measured by the committed seeds. CoT-SFT trains in seconds and its seeds agree best: their
variance does not hide a loss of five points.

Exit status: that of `anatomy-r1 regress`; 3 if the grid could not be finished.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from reproduce import ROOT, command, run_folder

FRESH_SEEDS = ("100", "101", "102")
"""Three, so that a loss of five points fires (our choice); the committed results have others."""
STAGE_FAILED, INCOMPLETE = 1, 3
"""Exit status of a grid in which a stage failed, and of this script then: 1 would mean a regression."""


def main(arguments: list[str]) -> int:
    """Run the grid, then the gate; returns an exit status."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--profile", default="mini")
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--model", default="mini-l")
    parser.add_argument("--base", default="mini-l-1", help="which of the model's bases; empty if it has one")
    parser.add_argument("--method", default="cot-sft")
    parser.add_argument("--seeds", nargs="+", default=FRESH_SEEDS)
    parser.add_argument("--against", type=Path, default=Path("results/mini/store"), help="result store")
    known, others = parser.parse_known_args(arguments)
    if {"-h", "--help"} & set(others):
        print(__doc__)
        return command("anatomy_r1.cli", "regress", "--help")
    model = f"{known.model}@{known.base}" if known.base else known.model  # its folder (`anatomy_r1.bases`)
    references = sorted((ROOT / known.against).glob(f"*/{model}/{known.method}/matched"))
    if not references:
        print(f"error: {known.against}: no results of {model}/{known.method} in it", file=sys.stderr)
        return 2
    benchmarks = [path.parts[-4] for path in references]
    run = ("--profile", known.profile, "--runs", str(known.runs))
    cells = ("--models", known.model, "--methods", known.method, "--benchmarks", *benchmarks, "--arms", "matched")
    cells += ("--bases", known.base) if known.base else ()
    if status := command("baselines", "run", *run, *cells, "--seeds", *known.seeds):
        return INCOMPLETE if status == STAGE_FAILED else status
    store = run_folder(known.runs, known.profile) / "results"
    fresh = [
        str(store / benchmark / model / known.method / "matched" / f"seed{seed}.json")
        for benchmark in benchmarks
        for seed in known.seeds
    ]
    against = [str(path.relative_to(ROOT)) for path in references]
    return command("anatomy_r1.cli", "regress", *fresh, "--mode", "training", "--against", *against, *others)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:  # the grid has printed how to resume
        sys.exit(130)
