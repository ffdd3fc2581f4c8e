"""Many real evaluations of the same weights, each with a sampling seed of its own: what the gate must not fire on.

python -m tests.bench.reevaluations make DATA MODEL TABLES FIRST LAST     one table a seed; goes on where it was
python -m tests.bench.reevaluations join TABLES FILE                      all of them in one Parquet file

FILE has one row a question and seed: id, cluster, category, seed, and the flags of the result store.
"""

import sys
import tempfile
from pathlib import Path

import pandas as pd

TASK, TOKENS, BATCH = "sgg_anatomy_mini", 24, 32
"""As in the mini profile."""


def make(data, model, tables, first, last):
    """`anatomy-r1 evaluate` once a seed, from `first` to `last`, and the scored table of each."""
    import lm_eval.evaluator

    from anatomy_r1.evaluate import evaluate
    from anatomy_r1.score import score

    lm_eval.evaluator.add_env_info = lambda storage: None  # asks pip for all packages, each time
    tables.mkdir(parents=True, exist_ok=True)
    for seed in range(first, last + 1):
        out = tables / f"seed{seed}.parquet"
        if out.exists():
            continue
        with tempfile.TemporaryDirectory() as folder:
            log = Path(folder) / "log.sqlite"
            done = evaluate(TASK, data, model, log, seed=seed, max_new_tokens=TOKENS, batch_size=BATCH, progress=False)
            scores = score(log, data)
        table = scores.table()
        table.insert(0, "seed", seed)
        table.attrs = {}
        table.to_parquet(out.with_suffix(".tmp"), index=False)
        out.with_suffix(".tmp").replace(out)
        print(seed, scores.plan["weights"], f"{scores.overall['avg@5']:.4f} {done.seconds:.1f} s", flush=True)


def join(tables, file):
    """One file, small enough to be committed."""
    found = pd.concat([pd.read_parquet(path) for path in sorted(tables.glob("seed*.parquet"))])
    found = found[[name for name in found.columns if not name.startswith("lenient_")]]
    found = found.sort_values(["id", "seed"], ignore_index=True)
    for name in found.columns:
        if name in ("id", "cluster", "category"):
            found[name] = found[name].astype("category")
        elif found[name].dtype != bool:
            found[name] = found[name].astype("int16" if name == "seed" else "int8")
    found.to_parquet(file, index=False, compression="zstd")


if __name__ == "__main__":
    command, *rest = sys.argv[1:]
    if command == "make":
        make(*map(Path, rest[:3]), int(rest[3]), int(rest[4]))
    else:
        join(*map(Path, rest))
