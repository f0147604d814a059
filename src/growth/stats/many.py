"""Several questions at once: p-values and levels that allow for all of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from statsmodels.stats.multitest import multipletests  # type: ignore[import-untyped]

from growth.stats.contrast import check_confidence
from growth.stats.moments import Floats


def holm(p_values: ArrayLike) -> Floats:
    """Return p-values that keep the chance of any false positive (family-wise error).

    Parameters
    ----------
    p_values : array-like, shape (m,)

    Returns
    -------
    ndarray, shape (m,)
        Adjusted, in the order given; compare each with alpha.

    Raises
    ------
    ValueError
        If there is none, or one is missing or not between 0 and 1.

    Notes
    -----
    Holm (1979), Scandinavian Journal of Statistics 6:65-70; any dependence.
    """
    return _adjusted(p_values, "holm")


def benjamini_hochberg(p_values: ArrayLike) -> Floats:
    """Return p-values that keep the expected share of false ones among the positive (false discovery rate).

    Parameters, result and errors as in `holm`.

    Notes
    -----
    Benjamini and Hochberg (1995), JRSS B 57:289-300; independent or positively dependent tests.
    """
    return _adjusted(p_values, "fdr_bh")


def bonferroni_level(confidence: float, m: int) -> float:
    """Return the confidence that each of m intervals needs for all to hold together.

    Raises
    ------
    ValueError
        If the confidence is not between 0 and 1, or m is not a whole number of at least 1.
    """
    check_confidence(confidence)
    if m < 1 or int(m) != m:
        raise ValueError(f"The number of intervals must be a whole number of at least 1, not {m!r}.")
    return 1 - (1 - confidence) / m


def _adjusted(p_values: ArrayLike, method: str) -> Floats:
    p = np.asarray(p_values, float)
    if p.ndim != 1 or not p.size or not ((p >= 0) & (p <= 1)).all():
        raise ValueError(
            "P-values must be at least one number, each between 0 and 1: leave out what was not tested."
        )
    return np.asarray(multipletests(p, method=method)[1], float)
