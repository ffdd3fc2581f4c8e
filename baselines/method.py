"""`from baselines.method import Method`, as users' method files write it; the code is in `baselines/methods/`."""

from baselines.methods.method import Method

__all__ = ["Method"]
