"""Processes that do not outlive the one that started them."""

from __future__ import annotations

import ctypes
import signal
import sys

PR_SET_PDEATHSIG = 1
"""Linux, <linux/prctl.h>: the signal that the kernel sends a process when its parent dies."""


def die_with_parent(by: signal.Signals = signal.SIGKILL) -> None:
    """In a child, or as its `preexec_fn`: end with the parent (Linux; elsewhere nothing is done)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, by)


def terminate_with_parent() -> None:
    """The same with a signal that a launcher of several processes hands on to them."""
    die_with_parent(signal.SIGTERM)
