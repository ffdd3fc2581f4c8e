"""Sampling a model on a benchmark.

config.py          options of an evaluation, shards, and the names of the engines
items.py           what is asked: a question with its prompt and image, under a view
evaluate.py        `evaluate`: prepared set -> items -> engine -> response log -> metrics
engines/           transformers, vLLM, and OpenAI-compatible servers
lm_eval_task.py    the lm-eval task, for `lm-eval --tasks sgg_anatomy`; task_files.py finds and installs its YAML
views.py           control views: no image, a wrong image, every rotation of the options
blind_controls.py  controls without a model: majority class and naive Bayes
blind_ceiling.py   what four such rules reach on a set;  blind_difference.py  a score minus the best of them
"""
