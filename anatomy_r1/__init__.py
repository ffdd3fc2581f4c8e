"""anatomy-r1: benchmark and reproducibility harness for medical vision-language models (arXiv 2512.19512).

    import anatomy_r1 as ar

The public functions are those of `anatomy_r1.api` (docs/python.md), imported on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from anatomy_r1.errors import AnatomyR1Error

if TYPE_CHECKING:
    from anatomy_r1.api import Comparison, compare, load_questions, load_responses, load_results, scores

__version__ = "0.1.0"
__all__ = [
    "AnatomyR1Error",
    "Comparison",
    "__version__",
    "compare",
    "load_questions",
    "load_responses",
    "load_results",
    "scores",
]


def __getattr__(name: str) -> Any:
    """A function of the API; pandas and SciPy are imported when one is first used."""
    if name in __all__:
        return getattr(import_module("anatomy_r1.api"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
