"""An experiment as values; nothing here runs anything.

profile.py   a profile (`baselines/profiles/*.yaml`), validated
cell.py      a cell: one benchmark, model, method and seed; where its files are; `settings`, all that it depends on
plan.py      a selection of rows, and the cells and stages that it needs
"""
