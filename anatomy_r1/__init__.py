"""anatomy-r1: benchmark and reproducibility harness for medical vision-language models (arXiv 2512.19512)."""

__version__ = "0.1.0"
