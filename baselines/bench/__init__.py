"""Time and memory of a training step of each method on one GPU, with random weights: `docs/gpu-bench.md`."""
