"""Engines by name. Another engine is one more line here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from anatomy_r1.errors import AnatomyR1Error


@dataclass(frozen=True, slots=True)
class Engine:
    """Where an engine is, and the options that are its own."""

    where: str
    options: frozenset[str]


ENGINES = {
    "transformers": Engine(
        "anatomy_r1.engines.transformers_engine:TransformersEngine", frozenset({"batch_size", "device", "dtype"})
    ),
    "server": Engine(
        "anatomy_r1.engines.server_engine:ServerEngine",
        frozenset({"base_url", "concurrency", "timeout", "retries", "allow_upload", "plain_openai", "benchmark"}),
    ),
}


def open_engine(name: str, model: str | Path, benchmark: str, options: Mapping[str, Any], **shared: Any) -> Any:
    """The engine `name` with `model` in it.

    Args:
        name: one of `ENGINES`.
        model: folder of a checkpoint, or the name by which a server knows it.
        benchmark: whose questions it will be asked; for engines that care.
        options: the engines' own; None stands for the engine's default.
        shared: what every engine takes: log, seed, progress.

    Raises:
        AnatomyR1Error: when there is no such engine, or it has no such option.
    """
    if name not in ENGINES:
        raise AnatomyR1Error(f"engine {name!r}: unknown. Cure: one of {', '.join(ENGINES)}")
    given = {option: value for option, value in options.items() if value is not None}
    if foreign := sorted(set(given) - ENGINES[name].options):
        named = ", ".join("--" + option.replace("_", "-") for option in foreign)
        raise AnatomyR1Error(f"{named}: the engine {name} has no such option. Cure: leave it out, or another --engine")
    if "benchmark" in ENGINES[name].options:
        given["benchmark"] = benchmark
    return resolve_name(ENGINES[name].where)(model, **shared, **given)
