"""Sampling a model on a benchmark: `evaluate`, the lm-eval task, options, views and blind controls."""
