"""Random numbers by person and purpose: a counter-based generator, so that no draw moves another.

A draw is a pure function of (seed, purpose, person, n). Two splitmix64 rounds (Steele, Lea and Flood 2014, "Fast
splittable pseudorandom number generators", OOPSLA; the mixing constants are Stafford's variant 13) turn these into
64 bits, of which the upper 52 become a uniform in the open unit interval. Nothing is kept between calls: the order
of calls, the size of a chunk and the number of workers cannot change a number.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Words = NDArray[np.uint64]

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_C1 = np.uint64(0xBF58476D1CE4E5B9)
_C2 = np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S12 = (np.uint64(s) for s in (30, 27, 31, 12))


def splitmix64(x: Any) -> Words:
    """Return splitmix64's output for state `x`: add the golden ratio's odd word, then mix.

    Unsigned 64-bit arithmetic wraps around, which is meant.
    """
    z = np.array(x, dtype=np.uint64, ndmin=1)
    z += GOLDEN
    z ^= z >> _S30
    z *= _C1
    z ^= z >> _S27
    z *= _C2
    z ^= z >> _S31
    return z


def purpose_key(seed: int, purpose: str) -> np.uint64:
    """Return the 64-bit key of a seed and a purpose (BLAKE2b of both; the purpose is a plain name)."""
    digest = blake2b(f"{seed}/{purpose}".encode(), digest_size=8).digest()
    return np.uint64(int.from_bytes(digest, "little"))


class Draws:
    """All draws of one seed.

    Parameters
    ----------
    seed : int

    Examples
    --------
    >>> d = Draws(1)
    >>> bool(d.uniform("gender", 7)[0] == d.uniform("gender", [6, 7])[1])
    True
    """

    def __init__(self, seed: int) -> None:
        self.seed = int(seed)
        self._keys: dict[str, np.uint64] = {}

    def bits(self, purpose: str, person: Any, n: Any = 0) -> Words:
        """64 random bits for each (person, n); the two broadcast against each other."""
        if purpose not in self._keys:
            self._keys[purpose] = purpose_key(self.seed, purpose)
        who = np.atleast_1d(person).astype(np.uint64)
        which = np.atleast_1d(n).astype(np.uint64)
        return splitmix64(splitmix64(self._keys[purpose] + who * GOLDEN) + which * GOLDEN)

    def uniform(self, purpose: str, person: Any, n: Any = 0) -> Floats:
        """Uniforms in the open interval (0, 1): 52 bits and half a step, so that neither end is reached."""
        return (self.bits(purpose, person, n) >> _S12).astype(np.float64) * 2.0**-52 + 2.0**-53

    def normal(self, purpose: str, person: Any, n: Any = 0) -> Floats:
        """Return standard normals by the inverse distribution function (one uniform each)."""
        out: Floats = ndtri(self.uniform(purpose, person, n))
        return out

    def exponential(self, purpose: str, person: Any, n: Any = 0) -> Floats:
        """Return exponentials of mean 1."""
        return -np.log(self.uniform(purpose, person, n))

    def gumbel(self, purpose: str, person: Any, n: Any = 0) -> Floats:
        """Return standard Gumbel draws: the taste shocks behind a multinomial logit (McFadden 1974)."""
        return -np.log(-np.log(self.uniform(purpose, person, n)))

    def pick(self, purpose: str, weights: Any, person: Any, n: Any = 0) -> Ints:
        """Return a category index by weights (not necessarily summing to 1), the same for everybody."""
        return pick_from(np.asarray(weights, dtype=np.float64)[None, :], 0, self.uniform(purpose, person, n))


def autoregression(draws: Draws, purpose: str, units: int, last: int, rho: float, sd: float) -> Floats:
    """Return stationary first-order autoregressions, (step 0 … last, unit)."""
    shocks = draws.normal(purpose, np.arange(units)[None, :], np.arange(last + 1)[:, None])
    out = np.empty_like(shocks)
    out[0] = sd * shocks[0]
    for step in range(1, last + 1):
        out[step] = rho * out[step - 1] + sd * np.sqrt(1 - rho * rho) * shocks[step]
    return out


def pick_from(weights: Floats, row: Any, u: Floats) -> Ints:
    """Return category indices by inverting the cumulated weights of a row of a table.

    Parameters
    ----------
    weights : array (rows, categories)
    row : int or array like `u`
        Which row of weights each draw uses.
    u : array
        Uniforms.
    """
    cumulated = np.cumsum(weights, axis=1)
    cumulated /= cumulated[:, -1:]
    cumulated[:, -1] = 1.0
    if np.ndim(row) == 0:
        return np.searchsorted(cumulated[int(row)], u, side="right").astype(np.int64)
    chosen = cumulated[np.asarray(row)]
    out: Ints = (u[:, None] >= chosen).sum(axis=1).astype(np.int64)
    return out
