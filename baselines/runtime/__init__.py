"""Processes, GPUs and progress of a training."""
