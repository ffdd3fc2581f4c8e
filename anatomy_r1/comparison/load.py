"""Arguments of `anatomy-r1 compare` -> systems: cells and folders of a result store, and response logs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from anatomy_r1.comparison.systems import Run, System, run_of_result, run_of_scores, systems
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.results.store import load_result


def load_systems(arguments: Sequence[str], data: Path | None) -> tuple[System, ...]:
    """Systems in the order in which they are named; files of one name are seeds of one system.

    Each argument is `[NAME=]PATH`: the JSON of a cell, a folder that holds cells (all seeds of a method, or a whole
    store), or a response log, with `#RUN` behind it where it holds several runs.

    Raises:
        AnatomyR1Error: when a path holds nothing to compare, or files under one name are not seeds of one system.
    """
    found = [run for argument in dict.fromkeys(arguments) for run in _runs(argument, data)]
    seen: dict[str, Run] = {}
    for run in found:
        if seen.setdefault(run.origin["source"], run).name != run.name:
            raise AnatomyR1Error(f"{run.origin['source']}: named twice. Fix: name each result once")
    return systems([run for run in found if seen[run.origin["source"]] is run])


def _runs(argument: str, data: Path | None) -> list[Run]:
    name, path = _split(argument)
    if path.is_dir():
        return _folder(path, name)
    if path.suffix == ".json":
        return [_cell(path, name)]
    return [_log(path, name, data)]


def _split(argument: str) -> tuple[str | None, Path]:
    """A file may have = in its name: what exists is taken as it stands."""
    name, separator, rest = argument.partition("=")
    if not separator or Path(argument).exists():
        return None, Path(argument)
    if not name.strip():
        raise AnatomyR1Error(f"{argument}: an empty name. Fix: NAME=PATH")
    return name, Path(rest)


def _folder(path: Path, name: str | None) -> list[Run]:
    found = [_cell(cell, name) for cell in _cells(path)]
    if not found:
        raise AnatomyR1Error(f"{path}: no results in it. Fix: name a result store, or a folder of one")
    return found


def _cells(path: Path) -> Iterator[Path]:
    yield from sorted(path.rglob("seed*.json"))


def _cell(path: Path, name: str | None) -> Run:
    if not path.is_file():
        raise AnatomyR1Error(f"{path}: no such result. Fix: name a seed*.json of a result store")
    try:
        return run_of_result(load_result(path), str(path), name)
    except AnatomyR1Error:
        raise
    except ValueError as error:
        raise AnatomyR1Error(str(error)) from error


def _log(path: Path, name: str | None, data: Path | None) -> Run:
    from anatomy_r1.response_log.log import ResponseLog
    from anatomy_r1.scoring.score import score

    file, _, run = str(path).rpartition("#") if "#" in path.name and not path.exists() else (str(path), "", "")
    with ResponseLog(Path(file), read_only=True) as log:
        names = list(log.runs())
    if not run and len(names) != 1:
        raise AnatomyR1Error(f"{file}: holds {len(names)} runs ({', '.join(names)}). Fix: name one: {file}#RUN")
    if data is None:
        raise AnatomyR1Error(f"{file}: a response log is scored against its questions. Fix: --data DIR")
    scores = score(Path(file), data, run or names[0])
    return run_of_scores(scores, f"{file}#{scores.run}", name or f"{scores.benchmark}/{Path(file).stem}")
