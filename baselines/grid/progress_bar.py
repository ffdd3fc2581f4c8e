"""The bar of a grid, the time left, and each row of the table as it is finished."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from baselines.experiment.cell import Layout
from baselines.experiment.plan import Stage
from baselines.grid.remaining import Work, remaining
from baselines.grid.rows import FinishedRows
from baselines.runtime.progress import Progress, read_progress, share_done

TERMINAL_SECONDS, FILE_SECONDS = 1.0, 30.0
"""Seconds between updates; a terminal rewrites one line, a file gets a new one each time."""


def show_progress(
    process: subprocess.Popen[bytes],
    layout: Layout,
    todo: Sequence[Stage],
    jobs: int = 1,
    again: Collection[Path] = frozenset(),
) -> None:
    """Show a bar until the process ends, and each row of the table when it is finished.

    The bar's unit is seconds of expected work. What an earlier run did is no work of this one: finished stages are left
    out, but for those whose output is made `again`, and a part of a stage is `initial`. The time left is that of
    `remaining`.
    """
    rows = FinishedRows(todo)
    todo = [stage for stage in todo if not stage.output.exists() or stage.output in again]
    total = round(sum(stage.seconds for stage in todo)) or 1
    terminal = sys.stderr.isatty()
    shape = "{percentage:3.0f}% |{bar:20}| {elapsed} elapsed, about {desc} left{postfix}"
    with tqdm(total=total, bar_format=shape, file=sys.stderr if terminal else io.StringIO()) as bar:
        bar.initial = total
        while process.poll() is None:
            _show(bar, layout, todo, jobs)
            _print_rows(rows)
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
        _show(bar, layout, todo, jobs)
    _print_rows(rows)


def _print_rows(rows: FinishedRows) -> None:
    for line in rows.new():
        tqdm.write(line, file=sys.stderr)
        sys.stderr.flush()


def _show(bar: Any, layout: Layout, todo: Sequence[Stage], jobs: int) -> None:
    known = {(stage.stage, stage.name): stage for stage in todo}
    work = {place: waiting(stage) for place, stage in known.items()}
    running = []
    for stage, progress in states(layout):
        if (found := known.get((stage, progress.name))) is not None:
            work[stage, progress.name] = measured(found, progress, time.time())
        if progress.state == "running":
            expected = found.seconds if found else 0.0
            running.append(f"{stage} {progress.name} {share_done(progress, expected, time.time()):.0%}")
    spent = sum(one.share * one.expected for one in work.values())
    bar.set_description_str(tqdm.format_interval(remaining([*work.values()], jobs)), refresh=False)
    bar.set_postfix_str(" | " + "; ".join(running) if running else "", refresh=False)
    bar.n = min(round(spent), bar.total)
    bar.initial = min(bar.initial, bar.n)  # also where a stage begins again
    bar.refresh()


def kind_of(stage: Stage) -> str:
    """Stages that a machine slows down alike: trainings and evaluations by method, since responses differ in length."""
    return " ".join([stage.stage, *stage.name.split("/")[2:3]])


def waiting(stage: Stage) -> Work:
    """A stage that has not begun. An evaluation is in the chain of its training."""
    chain = ""
    if stage.stage in ("train", "evaluate"):
        parts = stage.name.split("/")
        chain = "/".join([*parts[:2], *(part.partition("@")[0] for part in parts[2:3]), parts[-1]])
    return Work(kind_of(stage), stage.seconds, chain=chain)


def measured(stage: Stage, progress: Progress, now: float) -> Work:
    """What the progress file of a stage says of its work."""
    share, running = share_done(progress, stage.seconds, now), progress.state == "running"
    spent = (now if running else progress.unix_time) - progress.started
    # A guess from the expected seconds measures nothing, until the stage takes longer than these.
    counted = progress.total > 1 or not running or spent > stage.seconds
    if not counted or not progress.started or progress.state == "failed":
        return replace(waiting(stage), share=share, running=running)
    before = progress.first / progress.total if running else 0.0
    return replace(waiting(stage), share=share, seconds=spent, shared=share - before, running=running)


def states(layout: Layout) -> list[tuple[str, Progress]]:
    """Every stage that has reported in this run, with its kind."""
    root = layout.root / "progress"
    return [(folder.name, p) for folder in sorted(root.glob("*")) for p in read_progress(folder)]
