"""Figures from training curves, and what the paper's figures state, measured.

Figures: `scope` (curves -> one frame of groups) -> `points` (means over bins of steps) -> `curve_figures` (the figures)
-> `draw` (layout, style, bytes) -> `write`. Statements: `measures` (one value per seed) -> `claims` (what the paper's
figures claim) -> `statements` (intervals over seeds, and verdicts).
"""
