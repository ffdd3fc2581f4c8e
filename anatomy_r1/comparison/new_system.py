"""One system against every other: whose baselines these are, found by the names of a result store."""

from __future__ import annotations

from collections.abc import Sequence

from anatomy_r1.comparison.systems import System
from anatomy_r1.errors import AnatomyR1Error


def beside_new(systems: Sequence[System], new: str) -> tuple[tuple[System, ...], ...]:
    """For each benchmark, model and arm in which there is a system called `new`: it and its baselines, as named.

    Raises:
        AnatomyR1Error: when none is called so, or nothing stands beside it; names those there are.
    """
    wanted = [system for system in systems if is_called(system, new)]
    if not wanted:
        names = ", ".join(dict.fromkeys(_method(system) for system in systems))
        raise AnatomyR1Error(f"no system is called {new!r}. Cure: --new with one of {names}")
    sides = dict.fromkeys(_side(system) for system in wanted)
    found = [tuple(system for system in systems if _side(system) == side) for side in sides]
    if alone := next((of for of in found if not against(of, new)), None):
        cure = "Cure: put a baseline of the same benchmark, model and arm beside it"
        raise AnatomyR1Error(f"{alone[0].name}: nothing to compare with. {cure}")
    return tuple(found)


def against(systems: Sequence[System], new: str) -> list[tuple[System, System]]:
    """Every baseline with the new system beside which it stands; a difference is the new one's minus the baseline's."""
    return [
        (other, system)
        for system in systems
        if is_called(system, new)
        for other in systems
        if not is_called(other, new)
    ]


def is_called(system: System, new: str) -> bool:
    """Whether `new` is the system's whole name, or its method's."""
    return new in (system.name, _method(system))


def _method(system: System) -> str:
    parts = system.name.split("/")
    return parts[2] if len(parts) == 4 else system.name


def _side(system: System) -> tuple[str, ...]:
    """Benchmark, model and arm; the benchmark alone where the user chose the name."""
    parts = system.name.split("/")
    return (system.benchmark, parts[1], parts[3]) if len(parts) == 4 else (system.benchmark,)
