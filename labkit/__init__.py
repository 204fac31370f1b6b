"""The Python behind `./lab`: standard library only, so that it runs on the reader's machine."""


class UsageError(Exception):
    """An argument that cannot be used: the text names it and what was expected."""

    code = 2


class Failed(Exception):
    """It ran, and the outcome is not what it should be; the text says why."""

    code = 1
