"""What a recorded reference can tell: printed when it is written, so that a weak one is noticed then."""

from __future__ import annotations

from anatomy_r1.comparison.regression_gate.noise import AVG, Mode, noise
from anatomy_r1.comparison.regression_gate.tolerance import overdispersed, tolerance
from anatomy_r1.comparison.systems import System
from anatomy_r1.results.store import question_metrics


def recorded(system: System) -> str:
    """A line on one system: its runs, and how far one fresh run may fall, were Avg@5 alone judged."""
    mode: Mode = "training" if len(system.known("weights")) > 1 else "sampling"
    shares = [question_metrics(run.questions) for run in system.runs]
    measured = noise(AVG, shares, shares, mode)
    runs = f"{len(shares)} {'training' if mode == 'training' else 'run'}{'s' if len(shares) > 1 else ''}"
    mean = sum(float(one[AVG].mean()) for one in shares) / len(shares)
    said = f"{system.name}: {runs} of {len(shares[0][AVG])} questions, {AVG} {100 * mean:.2f}"
    found = tolerance(measured, fresh=1, mode=mode, judged=1)
    if found is None:
        return said
    more = "; its runs scatter more than sampling explains" if mode == "sampling" and overdispersed(measured) else ""
    return (
        f"{said}; in --mode {mode} one fresh run may fall by {100 * found.limit:.2f} points, and a true loss of "
        f"{100 * found.detectable:.2f} fires with 95 %{more}"
    )
