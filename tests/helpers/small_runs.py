"""What tests share that train over the session's small world (`smoke_root`)."""

from baselines.runtime.progress import silent

ignore = silent


class CutError(Exception):
    """Stands for a kill."""


def linked(root, made, names=("world", "data", "models")):
    """`root`, with these folders of the runs at `made`."""
    root.mkdir(parents=True, exist_ok=True)
    for name in names:
        (root / name).symlink_to(made / name)
    return root
