"""What a user may have meant who names a method, or a path that is not there, in place of a system."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from anatomy_r1.bases import split_model
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.training.method_names import METHODS


def of_every_base(path: Path) -> list[Path]:
    """What a path means whose model is named without a base: the same path of each of the model's bases, sorted.

    `mini-l/grpo/matched` where there are `mini-l@mini-l-1/grpo/matched` and `mini-l@mini-l-2/grpo/matched`. Empty where
    the path itself exists, or no model of it has bases.
    """
    if path.exists():
        return []
    parent = next((parent for parent in path.parents if parent.is_dir()), None)
    if parent is None:
        return []
    model, *below = path.relative_to(parent).parts
    every = [folder for folder in sorted(parent.iterdir()) if split_model(folder.name)[0] == model != folder.name]
    return [found for folder in every if (found := folder.joinpath(*below)).exists()]


def refuse_bare_methods(arguments: Sequence[str]) -> None:
    """Where methods are named in place of their folders, say the whole command."""
    if any(Path(word).exists() or not word.replace("-", "").isalnum() for word in arguments):
        return
    for store in _stores():
        of = {word: _folder(store, word) for word in arguments}
        if len(of) > 1 and all(of.values()):
            named = " ".join(str(folder) for folder in of.values())
            raise AnatomyR1Error(f"{', '.join(of)}: a system is a path. Fix: anatomy-r1 compare {named}")


def _stores() -> list[Path]:
    """Result stores below this folder, where commands put them.

    Those with all of Table 1 come before others, such as the calibration's.
    """
    return [
        store
        for pattern in ("results/*/store", "runs/*/results")
        for store in sorted(Path().glob(pattern), key=lambda store: (not METHODS.keys() <= {*_methods(store)}, store))
    ]


def _methods(store: Path) -> list[str]:
    """The methods of a store, controls and views last."""
    return sorted({path.name for path in store.glob("*/*/*")}, key=lambda name: (_is_control(name), name))


def _folder(store: Path, method: str) -> Path | None:
    """A method's folder, of a store's first benchmark and model and all bases, in the arm matched if it has that."""
    cells = sorted({of_model(path.parent) for path in store.glob(f"*/*/{method}/*/seed*.json")}, key=_surgery_first)
    return next((one for one in cells if one.name == "matched"), cells[0] if cells else None)


def of_model(folder: Path) -> Path:
    """The folder of an arm with its model named without a base: what stands for all its bases."""
    model, method, arm = folder.parts[-3:]
    return folder.parents[2] / split_model(model)[0] / method / arm


def _surgery_first(folder: Path) -> tuple[bool, Path]:
    """The surgical questions before the slides, as in the paper's tables."""
    benchmark = folder.parts[-4]
    return not benchmark.startswith("sgg"), folder


def siblings(path: Path) -> str:
    """What could have been meant: a method of a store below this folder, or what the nearest folder holds."""
    if len(path.parts) == 1 and not path.suffix:
        if stores := _stores():
            return _method_folders(path.name, stores)
        return "Fix: name a result store, a folder of one, or a response log; no store is below this folder"
    above = path.absolute().parents
    folder = next(found for parent in above for found in (parent, *of_every_base(parent)) if found.is_dir())
    names = sorted(entry.name for entry in folder.iterdir() if _may_hold_results(entry))
    return (
        f"Fix: name one that exists; {folder} holds {', '.join(names[:12]) or 'nothing'}{', ...' * (len(names) > 12)}"
    )


def _may_hold_results(entry: Path) -> bool:
    """Whether a folder, or a file of a kind that commands read; none of the hidden ones."""
    return not entry.name.startswith((".", "_")) and (entry.is_dir() or entry.suffix in (".json", ".sqlite"))


def _method_folders(method: str, stores: Sequence[Path]) -> str:
    """The folders of a method by its name; the names there are if it has none."""
    for store in stores:
        if folder := _folder(store, method):
            model, _, arm = folder.parts[-3:]
            return f"Fix: a system is a path; that method's are {store}/*/{model}/{method}/{arm}"
    names = _methods(stores[0])
    return f"Fix: a system is a path such as {stores[0]}/*/mini-l/{names[0]}/matched; methods there: {', '.join(names)}"


def _is_control(name: str) -> bool:
    return name.startswith("control") or "@" in name
