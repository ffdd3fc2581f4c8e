"""Engines by name. Light, so that `--help` can name them."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anatomy_r1.errors import AnatomyR1Error

if TYPE_CHECKING:
    from anatomy_r1.responses import ResponseLog

ENGINES = {
    "transformers": "anatomy_r1.engines.transformers_engine:TransformersEngine",
    "vllm": "anatomy_r1.engines.vllm_engine:VllmEngine",
}
"""Name -> where its class is."""


def open_engine(name: str, model: Path, *, log: ResponseLog, batch_size: int | None = None, **options: Any) -> Any:
    """The engine `name` on the checkpoint `model`; `batch_size` is its own unless told.

    Raises:
        AnatomyR1Error: when there is no such engine or argument, or it cannot be opened.
    """
    if name not in ENGINES:
        raise AnatomyR1Error(f"engine {name!r}: unknown. Cure: one of {', '.join(ENGINES)}")
    module, _, kind = ENGINES[name].partition(":")
    size = {} if batch_size is None else {"batch_size": batch_size}
    try:
        return getattr(import_module(module), kind)(model, log=log, **size, **options)
    except TypeError as error:
        if "unexpected keyword argument" not in str(error):
            raise
        raise AnatomyR1Error(f"engine {name}: {error}. Cure: see --engine-arg") from error
