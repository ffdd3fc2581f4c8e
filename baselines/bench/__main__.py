"""What a call starts for each case: `python -m baselines.bench '{"do": "prepare" or "measure", ...}'`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from baselines.bench.cases import Case
from baselines.bench.store import write_json


def main(asked: dict[str, object]) -> None:
    """Make the case's inputs, or measure it and write `out`."""
    import torch

    case, work = Case(**asked["case"]), Path(str(asked["work"]))  # type: ignore[arg-type]
    if case.rehearsal:
        torch.set_num_threads(1)
    if asked["do"] == "prepare":
        from baselines.bench.inputs import prepare

        prepare(work, case, "cpu" if case.rehearsal else "cuda")
        return
    from baselines.bench.measure import measure

    write_json(Path(str(asked["out"])), measure(case, work, str(asked["command"])))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
