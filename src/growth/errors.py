"""The one error that a user's mistake ends in: a clear sentence, never a traceback."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class UserError(Exception):
    """What is wrong, where, and how to mend it, in one sentence or a few.

    The command line prints it alone; a notebook shows it as the last line of the cell.
    """


def attempt(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> tuple[T | None, str]:
    """Return what `work` makes of the arguments and no reason, or None and why it cannot, to stand within a sentence.

    An estimator refuses with a `ValueError`; a page says why and goes on.
    """
    try:
        return work(*args, **kwargs), ""
    except ValueError as error:
        text = str(error).rstrip(".")
        return None, text[:1].lower() + text[1:]
