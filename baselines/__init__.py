"""The methods of Tables 1 and 2, our variants and controls, and the grid that trains and evaluates them.

Start with `python -m baselines --help`.

How one cell (benchmark, model, method, seed) runs:

1. `methods/`     A method is a value: its trainer class, its data, its hyperparameters (`registry.py` lists all).
2. `experiment/`  A profile (`profiles/*.yaml`) sets the scale. `plan.py` turns a selection of rows into cells and
                  stages; `settings` (`cell.py`) are everything that a training depends on.
3. `preflight/`   `plan` prints what a run takes and what is missing; `doctor` checks the machine.
4. `grid/`        `grid.py` writes Snakemake's configuration and starts it. Snakemake runs each missing stage, here
                  (`pool.py` forks it) or on SLURM, as `python -m baselines stage STAGE NAME`.
5. `stages/`      `run_stage` does one stage: world -> data, base model -> train -> evaluate; curves at the end.
6. `trainers/`    `train` builds the method's trainer (TRL with our additions), resumes from the last checkpoint, and
                  publishes weights and training log. `runtime/` starts its processes and reports progress.
7. Result store   `evaluate` samples responses into a log, scores them, and writes `results/.../seed0.json`
                  (`anatomy_r1/results/store.py`), from which `reports/` makes every table and figure.

`bench/` measures a training step of each method on one GPU. `method.py` and `grpo.py` are the names that users' method
files import. `experiment/cell.py` says where each file of a run is.
"""
