"""The one error that a user's mistake ends in: a clear sentence, never a traceback."""

from __future__ import annotations


class UserError(Exception):
    """What is wrong, where, and how to mend it, in one sentence or a few.

    The command line prints it alone; a notebook shows it as the last line of the cell.
    """
