"""A result of the bench, for tests of its report."""

import dataclasses

from baselines.bench.cases import Case
from baselines.preflight.memory import GB


def result(method, median=1.0, *, least=None, most=None, driver=10 * GB, peak=10 * GB, card="H", **more):
    seconds = {"median": median, "least": least or median, "most": most or median}
    share = dict.fromkeys(("rollout", "scoring", "forward", "backward", "optimiser", "other"), 1 / 6)
    return {
        "case": dataclasses.asdict(Case("3b", "lora", method)),
        "status": "measured",
        "command": "python -m baselines gpu-bench",
        "commit": "a" * 40,
        "dirty": False,
        "date": "2026-01-01",
        "packages": {"torch": "2", "trl": "1"},
        "device": {"name": card, "kind": "cuda", "driver": "1.2", "cuda": "13", "torch": "2", "memory": 80 * GB},
        "plan": {"peak": peak},
        "memory": {"allocated": 8 * GB, "reserved": 9 * GB, "driver": driver},
        "seconds": seconds,
        "share": share,
        "own": {"vary": 0.0, "write": 0.002},
        "tokens_per_second": 100.0,
        "completions": 32,
        "prompt": 626,
        **more,
    }
