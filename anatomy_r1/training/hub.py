"""A model's folder: a local one, or its snapshot in the Hugging Face hub's cache."""

from __future__ import annotations

from pathlib import Path

from anatomy_r1.errors import AnatomyR1Error

PATTERNS = ["*.json", "*.txt", "*.jinja", "*.safetensors"]
"""What is fetched: no pickles, no code."""


def snapshot(source: str, revision: str | None = None) -> Path:
    """A local folder as it is; a hub id by its snapshot in the cache, fetched first unless HF_HUB_OFFLINE is set.

    `revision` is a branch, tag or commit, also stated as `ID@REVISION`; otherwise the head of the repository.
    """
    if Path(source).is_dir():
        return Path(source).resolve()
    from httpx import HTTPError
    from huggingface_hub.errors import HFValidationError

    name, _, stated = source.partition("@")
    pin = revision or stated or None
    try:
        return _from_hub(name, pin)
    except (HFValidationError, HTTPError, OSError) as error:
        words = f"{name} --revision {pin}" if pin else name
        raise AnatomyR1Error(
            f"{name} at {pin or 'its head'}: not in the hub's cache, and not to be fetched ({type(error).__name__}). "
            f"Fix: name a folder, or where there is a network, `hf download {words}`; then HF_HUB_OFFLINE=1"
        ) from error


def _from_hub(name: str, revision: str | None) -> Path:
    """The client looks a branch up in the cache by itself where there is no network, but not a commit."""
    from httpx import TransportError
    from huggingface_hub import constants, snapshot_download

    if not constants.HF_HUB_OFFLINE:
        try:
            return Path(snapshot_download(name, revision=revision, allow_patterns=PATTERNS))
        except TransportError:
            pass
    return Path(snapshot_download(name, revision=revision, allow_patterns=PATTERNS, local_files_only=True))
