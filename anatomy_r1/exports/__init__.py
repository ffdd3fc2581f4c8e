"""Exports: one scored run, or one prepared set, in the formats that other tools read. Nothing is uploaded.

evidence.py          what every format is given: a run's numbers, their provenance and, if known, its responses
statements.py        what must be read with a number, in sentences
every_eval_ever.py   Every Eval Ever, schema 0.3: one JSON a run, one row a response
hub.py               the Hub: `.eval_results/*.yaml` and the `model-index` of a model card
inspect_log.py       logs that Inspect's reader and viewer open
croissant.py         Croissant metadata of a prepared set
"""
