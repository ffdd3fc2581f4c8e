"""The mini world: a generated miniature of both benchmarks and a tiny Qwen2.5-VL to train in it."""
