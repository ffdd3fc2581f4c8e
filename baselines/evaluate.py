"""Evaluate one cell: sample through the core's engine into a response log, score the log, store the result."""

from __future__ import annotations
