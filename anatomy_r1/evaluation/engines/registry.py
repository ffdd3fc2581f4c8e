"""Engines by name; a new engine is one more line. Imports nothing heavy, so that `--help` can list the names."""

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
"""Name -> path of its class."""


def open_engine(name: str, model: str | Path, *, benchmark: str, **options: Any) -> Any:
    """Open the engine `name` with a model.

    Args:
        name: one of `ENGINES`.
        model: folder of a checkpoint, or a server's name for its model.
        benchmark: whose questions will be asked; for engines that need it.
        options: log, seed, progress, and the engine's own; None stands for the engine's default.

    Raises:
        AnatomyR1Error: when the engine or an option does not exist, or the engine cannot be opened.
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
    except TypeError as error:  # an engine with **options passes them on
        if "unexpected keyword argument" not in str(error):
            raise
        raise AnatomyR1Error(f"engine {name}: {error}. Fix: see --engine-arg") from error
