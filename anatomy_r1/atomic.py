"""Files that are there whole or not at all."""

from __future__ import annotations

from pathlib import Path

from anatomy_r1.errors import AnatomyR1Error


def write_atomically(path: Path, content: str | bytes) -> Path:
    """Write under a temporary name, then rename; folders are made, text is UTF-8. Returns `path`.

    Raises:
        AnatomyR1Error: when it cannot be written.
    """
    temporary = path.with_name(path.name + ".tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(content if isinstance(content, bytes) else content.encode())
        return temporary.replace(path)
    except OSError as error:
        raise AnatomyR1Error(f"{path}: cannot be written ({error}). Cure: see to space and rights") from error
