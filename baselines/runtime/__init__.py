"""GPUs, processes and progress of a training run."""
