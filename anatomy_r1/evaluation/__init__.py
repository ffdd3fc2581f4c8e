"""Sampling a model on a benchmark: `evaluate`, the lm-eval task, shards, views and blind controls."""
