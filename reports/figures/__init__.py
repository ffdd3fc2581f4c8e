"""Figures from training curves, and what the paper's figures state, measured.

Figures: `points` (curves -> a frame of groups -> means over bins of steps) -> `figures` (figures and their files), with
`draw` (style, layout, bytes) and `figure2_samples`. Statements: `claims.csv` (what the paper's figures claim) ->
`statements` (one value per seed, intervals over seeds, and verdicts).
"""
