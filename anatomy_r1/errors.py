"""The error classes of this project's own making, and what is said where an optional package is missing."""

from __future__ import annotations

from collections.abc import Sequence

EXTRAS = {
    "eval": (
        *("datasets", "httpx", "httpx2", "huggingface_hub", "lm_eval", "openai"),
        *("tokenizers", "torch", "torchvision", "transformers"),
    ),
    "figures": ("matplotlib",),
    "train": ("accelerate", "open_clip", "peft", "snakemake", "tensorboard", "trl"),
    "gpu": ("deepspeed", "vllm"),
}
"""Extra -> the packages, as they are imported, that the light core does without."""


class AnatomyR1Error(ValueError):
    """A failure the user can mend: its message names the file, the record and the way out. Commands print it bare.

    `instead`: a word of the command and what belongs in its place, or an empty word and what to add; commands then
    print the whole line to type next.
    """

    def __init__(self, *args: object, instead: tuple[str, str] | None = None) -> None:
        super().__init__(*args)
        self.instead = instead


class IncompleteError(AnatomyR1Error):
    """Some responses are missing for want of an answer; the same command asks for them. Exit status 3."""


def missing_extra(error: ModuleNotFoundError, command: Sequence[str] = ()) -> AnatomyR1Error | None:
    """What to say of a package that an extra installs; None if it is of no extra, and so a defect.

    Example:
        >>> str(missing_extra(ModuleNotFoundError(name="torch"), ["evaluate"])).partition(".")[0]
        '`evaluate` needs the extra `eval` (torch is not installed)'
    """
    package = (error.name or "").partition(".")[0]
    extra = next((name for name, packages in EXTRAS.items() if package in packages), None)
    if extra is None:
        return None
    what = f"`{command[0]}`" if command else "this"
    fix = f"pip install 'anatomy-r1[{extra}]'; in a checkout: pip install -c constraints.txt -e '.[{extra}]'"
    return AnatomyR1Error(f"{what} needs the extra `{extra}` ({package} is not installed). Fix: {fix}")


def one_line(error: BaseException) -> str:
    """What an error of a library says, in one line of at most 200 characters; its type if it says nothing."""
    return (" ".join(str(error).split()) or type(error).__name__)[:200]
