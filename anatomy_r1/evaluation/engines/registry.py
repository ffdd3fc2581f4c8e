"""Engines by name. Another engine is one more line here. Light, so that `--help` can name them."""

from __future__ import annotations

from inspect import Parameter, signature
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from anatomy_r1.errors import AnatomyR1Error

ENGINES = {
    "transformers": "anatomy_r1.evaluation.engines.transformers_engine:TransformersEngine",
    "vllm": "anatomy_r1.evaluation.engines.vllm_engine:VllmEngine",
    "server": "anatomy_r1.evaluation.engines.server_engine:ServerEngine",
}
"""Name -> where its class is."""


def open_engine(name: str, model: str | Path, *, benchmark: str, **options: Any) -> Any:
    """The engine `name` with `model` in it.

    Args:
        name: one of `ENGINES`.
        model: folder of a checkpoint, or the name by which a server knows it.
        benchmark: whose questions it will be asked; for engines that want to know.
        options: log, seed, progress, and the engine's own; None stands for its own default.

    Raises:
        AnatomyR1Error: when there is no such engine or option, or it cannot be opened.
    """
    if name not in ENGINES:
        raise AnatomyR1Error(f"engine {name!r}: unknown. Fix: one of {', '.join(ENGINES)}")
    engine = resolve_name(ENGINES[name])
    known = signature(engine).parameters
    given = {option: value for option, value in options.items() if value is not None}
    open_ended = any(parameter.kind is Parameter.VAR_KEYWORD for parameter in known.values())
    if (foreign := sorted(set(given) - set(known))) and not open_ended:
        named = ", ".join("--" + option.replace("_", "-") for option in foreign)
        raise AnatomyR1Error(f"{named}: the engine {name} has no such option. Fix: leave it out, or another --engine")
    try:
        return engine(model, **given, **({"benchmark": benchmark} if "benchmark" in known else {}))
    except TypeError as error:  # an open-ended engine hands its arguments on to what knows them
        if "unexpected keyword argument" not in str(error):
            raise
        raise AnatomyR1Error(f"engine {name}: {error}. Fix: see --engine-arg") from error
