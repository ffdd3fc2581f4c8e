"""Progress of a running grid in the terminal: a bar with the estimated time left, then what failed and why."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

from tqdm import tqdm

from baselines.experiment.cell import Layout
from baselines.experiment.plan import Stage
from baselines.runtime.progress import Progress, read_progress, share_done

TERMINAL_SECONDS, FILE_SECONDS = 1.0, 30.0
"""Seconds between updates; a terminal rewrites one line, a file gets a new one each time."""


def show_progress(process: subprocess.Popen[bytes], layout: Layout, todo: Sequence[Stage]) -> None:
    """Show a bar until the process ends. Its unit is seconds of expected work, which gives the time left."""
    before = {stage.output for stage in todo if stage.output.exists()}
    total = sum(stage.seconds for stage in todo if stage.output not in before)
    terminal = sys.stderr.isatty()
    shape = "{percentage:3.0f}% |{bar:20}| {elapsed} elapsed, about {remaining} left{postfix}"
    with tqdm(total=round(total) or 1, bar_format=shape, file=sys.stderr if terminal else io.StringIO()) as bar:
        while process.poll() is None:
            _show(bar, layout, todo)
            if not terminal:
                print(bar, file=sys.stderr, flush=True)
            try:
                process.wait(TERMINAL_SECONDS if terminal else FILE_SECONDS)
            except subprocess.TimeoutExpired:
                continue
            except KeyboardInterrupt:
                process.send_signal(signal.SIGINT)
                process.wait()
                raise
        _show(bar, layout, todo)


def _show(bar: Any, layout: Layout, todo: Sequence[Stage]) -> None:
    seconds = {(stage.stage, stage.name): stage.seconds for stage in todo}
    spent, running = 0.0, []
    for stage, progress in _states(layout):
        expected = seconds.get((stage, progress.name), 0.0)
        share = share_done(progress, expected, time.time())
        spent += share * expected
        if progress.state == "running":
            running.append(f"{stage} {progress.name} {share:.0%}")
    bar.set_postfix_str(" | " + "; ".join(running) if running else "", refresh=False)
    bar.n = min(round(spent), bar.total)
    bar.refresh()


def _states(layout: Layout) -> list[tuple[str, Progress]]:
    root = layout.root / "progress"
    return [(folder.name, p) for folder in sorted(root.glob("*")) for p in read_progress(folder)]


def summary(code: int, layout: Layout, todo: Sequence[Stage]) -> bool:
    """Print which stages failed, why, and where their logs are; True when every stage is done."""
    failed = [(stage, p) for stage, p in _states(layout) if p.state == "failed"]
    missing = [stage for stage in todo if not stage.output.exists()]
    for stage, progress in failed:
        print(f"FAILED {stage} {progress.name}: {progress.reason}\n       log: {progress.log}", file=sys.stderr)
    if missing:
        print(f"{len(missing)} of {len(todo)} stages are not done; the same command resumes from here", file=sys.stderr)
    if code and not failed:
        tail = (layout.root / "snakemake.log").read_text(errors="replace").splitlines()[-15:]
        print("Snakemake failed:", *tail, f"log: {layout.root / 'snakemake.log'}", sep="\n  ", file=sys.stderr)
    return code == 0 and not missing
