"""The one error class of this project's own making."""


class AnatomyR1Error(ValueError):
    """A failure the user can mend: its message names the file, the record and the way out. Commands print it bare."""
