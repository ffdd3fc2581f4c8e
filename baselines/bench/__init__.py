"""What a step of each method takes on one GPU, on the real architectures with random weights: `docs/gpu-bench.md`."""
