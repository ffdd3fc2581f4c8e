"""Values kept within a number of bytes: when they grow beyond it, the least recently used one goes first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")
MEGABYTE = 1_000_000


class Kept(Generic[Value]):
    """A mapping that never holds more than `budget` bytes; what is larger than that is not kept at all.

    Example:
        >>> kept = Kept[str](10)
        >>> kept.put("a", "first", 6), kept.put("b", "second", 6)
        (None, None)
        >>> kept.get("a"), kept.get("b"), kept.size
        (None, 'second', 6)
    """

    def __init__(self, budget: int) -> None:
        self.budget, self.size = budget, 0
        self.hits, self.misses = 0, 0
        self._found: OrderedDict[Hashable, tuple[Value, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._found)

    def get(self, key: Hashable) -> Value | None:
        """The value, which is then the most recently used one; None if it is not kept."""
        if key not in self._found:
            self.misses += 1
            return None
        self.hits += 1
        self._found.move_to_end(key)
        return self._found[key][0]

    def put(self, key: Hashable, value: Value, size: int) -> None:
        """Keep a value of `size` bytes, and drop others until all fit."""
        if key in self._found:
            self.size -= self._found.pop(key)[1]
        if size > self.budget:
            return
        self._found[key] = (value, size)
        self.size += size
        while self.size > self.budget:
            self.size -= self._found.popitem(last=False)[1][1]
