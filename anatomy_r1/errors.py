"""The error classes of this project's own making."""


class AnatomyR1Error(ValueError):
    """A failure the user can mend: its message names the file, the record and the way out. Commands print it bare."""


class IncompleteError(AnatomyR1Error):
    """Some responses are missing for want of an answer; the same command asks for them. Exit status 3."""


def one_line(error: BaseException) -> str:
    """What an error of a library says, in one line of at most 200 characters; its type if it says nothing."""
    return (" ".join(str(error).split()) or type(error).__name__)[:200]
