"""The error classes of this project's own making."""


class AnatomyR1Error(ValueError):
    """A failure the user can mend: its message names the file, the record and the way out. Commands print it bare."""


class IncompleteError(AnatomyR1Error):
    """Some responses are missing for want of an answer; the same command asks for them. Exit status 3."""
