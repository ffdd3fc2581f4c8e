"""An experiment as values; nothing here runs anything.

profile.py   a profile (`baselines/profiles/*.yaml`), validated; profile_file.py what it may hold,
             training_section.py its trainer arguments, values.py the types of both
cell.py      a cell: one benchmark, model, method and seed; where its files are; `settings`, all that it depends on
plan.py      a selection of rows, and the cells and stages that it needs
"""
