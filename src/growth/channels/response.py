"""How an outcome answers to spend: it carries over, it saturates; learnt from weeks, from regions, and from tests.

Carry-over and saturation are searched for, everything linear is solved exactly at each step (variable projection).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from math import ceil, inf
from typing import Literal

import numpy as np
import pandas as pd
from numpy.random import PCG64, Generator
from scipy.optimize import least_squares, nnls

from growth.stats.contrast import check_confidence, critical
from growth.stats.moments import Floats

Kind = Literal["logistic", "hill"]
FEWEST_REGIONS = 5
MOST_CARRIED = 0.95  # of last period's: beyond it a channel is a trend
_LAW = (0.05, 40.0)  # of saturation's rate, per largest spend
_HALF, _STEEP = (0.02, 5.0), (0.5, 4.0)  # of Hill's half-way spend, per largest spend, and its steepness
_STARTS = ((0.2, 1.0), (0.2, 4.0), (0.6, 1.0), (0.6, 4.0))
_FLAT = 1e-10


@dataclass(frozen=True)
class Curve:
    """What a channel brings a period at a steady spend.

    Parameters
    ----------
    channel : str
    kind : str
        "logistic": beta (1 - exp(-rate z)) / (1 + exp(-rate z)); "hill": beta z^steep / (z^steep + rate^steep); z is
        spend over `scale`.
    beta : float
        In the outcome's units: what endless spend would bring.
    rate, steep : float
        `steep` is 1 where the kind has none; a Hill curve steeper than 1 is S-shaped.
    scale : float
        Money.
    carried : float
        Share of a period's effect that carries over to the next.
    """

    channel: str
    kind: Kind
    beta: float
    rate: float
    scale: float
    steep: float = 1.0
    carried: float = 0.0

    def value(self, spend: Floats | float) -> Floats:
        """Return the outcome of a steady spend, money a period."""
        z = np.asarray(spend, float) / self.scale
        return np.asarray(self.beta * saturation(self.kind, z, self.rate, self.steep))

    def marginal(self, spend: Floats | float) -> Floats:
        """Return the outcome of one more unit of money a period; infinite at 0 for a Hill curve less steep than 1."""
        z = np.asarray(spend, float) / self.scale
        return np.asarray(self.beta * steepness(self.kind, z, self.rate, self.steep) / self.scale)


@dataclass(frozen=True, eq=False)
class Mean:
    """What a channel is expected to bring, over all that its curve might be: of highest expectation is best.

    Parameters
    ----------
    parts : tuple of Curve
        Of one channel and kind.
    """

    parts: tuple[Curve, ...]

    @property
    def channel(self) -> str:
        """Return the channel's name."""
        return self.parts[0].channel

    @cached_property
    def beta(self) -> float:
        """Return what endless spend is expected to bring."""
        return float(self._of("beta").mean())

    def value(self, spend: Floats | float) -> Floats:
        """Return the expected outcome of a steady spend, money a period."""
        z = np.asarray(spend, float)[..., None] / self._of("scale")
        each = saturation(self.parts[0].kind, z, self._of("rate"), self._of("steep"))
        return np.asarray((self._of("beta") * each).mean(axis=-1))

    def marginal(self, spend: Floats | float) -> Floats:
        """Return the expected outcome of one more unit of money a period."""
        z = np.asarray(spend, float)[..., None] / self._of("scale")
        each = steepness(self.parts[0].kind, z, self._of("rate"), self._of("steep"))
        return np.asarray((self._of("beta") / self._of("scale") * each).mean(axis=-1))

    def _of(self, name: str) -> Floats:
        return self._laws[name]

    @cached_property
    def _laws(self) -> dict[str, Floats]:
        return {n: np.array([getattr(c, n) for c in self.parts]) for n in ("beta", "rate", "scale", "steep")}


@dataclass(frozen=True)
class LiftTest:
    """What a test found: the outcome's change a period (and region) when a channel's steady spend changed.

    Parameters
    ----------
    channel : str
    spend, change : float
        Money a period before, and what the test added; a holdout takes all of it away (change = -spend).
    effect, error : float
        In the outcome's units a period, and its standard error.
    """

    channel: str
    spend: float
    change: float
    effect: float
    error: float


@dataclass(frozen=True, eq=False)
class Response:
    """The fitted response.

    Parameters
    ----------
    curves : tuple of Curve
    shares : DataFrame
        A row a channel: ``channel, contribution`` (outcome over all periods), ``share, low, high`` (of the outcome),
        ``carried, rate, beta`` each with ``_low, _high``, ``bounded`` (a parameter ran to the end of its range).
    contributions : ndarray, shape (periods, channels)
        Summed over regions.
    draws : tuple of tuple of Curve
        Fits to resampled data: what else the curves might be.
    seen : DataFrame
        ``channel, low, high``: spend a period (and region) that was observed.
    explained : float
        Share of the outcome's variance, controls and effects taken out, that channels explain.
    noise : float
        Standard deviation of what is left.
    confidence : float
    said : str
        What the interval does not carry.
    """

    curves: tuple[Curve, ...]
    shares: pd.DataFrame
    contributions: Floats
    draws: tuple[tuple[Curve, ...], ...]
    seen: pd.DataFrame
    explained: float
    noise: float
    confidence: float
    said: str = "sampling error alone: demand that moves spend and outcome together is not in it"


@dataclass(frozen=True)
class Settings:
    """How a response is fitted.

    Parameters
    ----------
    kind : str
        Of saturation.
    lags : int
        Periods over which spend carries, its own counted.
    draws : int
        Resampled fits.
    block : int or None
        Periods drawn together; the cube root of their number, rounded up, if not given.
    """

    kind: Kind = "logistic"
    lags: int = 8
    draws: int = 200
    block: int | None = None


def adstock(spend: Floats, carried: float, lags: int) -> Floats:
    """Return spend carried over: a weighted mean of this period's and earlier ones', with falling weights.

    Parameters
    ----------
    spend : ndarray, shape (periods, ...)
        0 before the first period.
    carried : float
    lags : int
        Weights carried^0 to carried^(lags - 1), over their sum: a steady spend stays what it is.
    """
    weight = carried ** np.arange(min(lags, len(spend)))
    whole = float((carried ** np.arange(lags)).sum())
    found = np.zeros_like(spend, dtype=float)
    for lag, w in enumerate(weight):
        found[lag:] += w / whole * spend[: len(spend) - lag]
    return found


def saturation(kind: Kind, z: Floats, rate: Floats | float, steep: Floats | float = 1.0) -> Floats:
    """Return the saturated share of a spend, 0 at none, 1 at endless; see `Curve`."""
    if kind == "logistic":
        return np.asarray(np.tanh(rate * z / 2))
    power = z**steep
    return np.asarray(power / (power + rate**steep))


def steepness(kind: Kind, z: Floats, rate: Floats | float, steep: Floats | float = 1.0) -> Floats:
    """Return the derivative of `saturation` by spend."""
    if kind == "logistic":
        half = np.exp(-rate * z)
        return np.asarray(2 * rate * half / (1 + half) ** 2)
    with np.errstate(divide="ignore"):
        power = z ** (steep - 1)
    return np.asarray(steep * power * rate**steep / (z**steep + rate**steep) ** 2)


def controls(dates: pd.DatetimeIndex, harmonics: int = 2, trend: bool = True) -> pd.DataFrame:
    """Return a trend (from 0 to 1) and the year's season as sines and cosines, a row a period.

    Parameters
    ----------
    dates : DatetimeIndex
    harmonics : int
        Waves a year: 1, 2, … of them.
    trend : bool
    """
    angle = 2 * np.pi * (dates.day_of_year.to_numpy() - 1) / 365.25
    made: dict[str, Floats] = {"trend": np.linspace(0, 1, len(dates))} if trend else {}
    for k in range(1, harmonics + 1):
        made[f"sin {k}"], made[f"cos {k}"] = np.sin(k * angle), np.cos(k * angle)
    return pd.DataFrame(made, index=dates)


def fit(
    spend: pd.DataFrame,
    outcome: pd.Series,
    seed: int,
    controls: pd.DataFrame | None = None,
    tests: Sequence[LiftTest] = (),
    settings: Settings | None = None,
    confidence: float = 0.95,
) -> Response:
    """Return the response to spend of one series of periods.

    Parameters
    ----------
    spend : DataFrame
        A row a period in order, none missing; a column a channel, money a period.
    outcome : Series
        By the same periods.
    seed : int
        Of resampling.
    controls : DataFrame, optional
        What else moves the outcome; a constant is added.
    tests : sequence of LiftTest
        Enter as observations of their own, each with its own error.
    settings : Settings, optional
    confidence : float

    Raises
    ------
    ValueError
        If periods disagree, a value is missing, spend is negative or never moved, or there are fewer periods than
        parameters.

    Notes
    -----
    Adstock and logistic saturation as in Jin, Wang, Sun, Chan and Koehler (2017), Bayesian methods for media mix
    modeling, eq. 1 to 4. Variable projection: Golub and Pereyra (1973), SIAM J. Numer. Anal. 10:413-432; effects of
    channels are at least 0. Residuals are resampled in moving blocks (Kuensch 1989, Annals of Statistics 17:1217-1241),
    widened for the parameters spent. Tests as in pymc-marketing's lift test likelihood, in least squares.
    """
    check_confidence(confidence)
    setting = settings or Settings()
    if len(outcome) != len(spend) or not outcome.index.equals(spend.index):
        raise ValueError("Spend and outcome must be of the same periods, in the same order.")
    other = pd.DataFrame(index=spend.index) if controls is None else controls
    if len(other) != len(spend):
        raise ValueError("Controls must be of the same periods as spend.")
    x = _checked(spend.to_numpy(float)[:, None, :], list(spend.columns))
    y, z = outcome.to_numpy(float)[:, None], other.to_numpy(float)
    _finite(y, "outcome")
    _finite(z, "controls")
    _enough(len(y), 1 + z.shape[1], x.shape[2], setting)
    clear = _clearing(np.column_stack([np.ones(len(z)), z]))
    model = _Model(
        x, y, clear, tuple(spend.columns), setting, tuple(tests), 1 + z.shape[1], x.max(axis=(0, 1))
    )
    _known(model)
    model = model.weighing()
    theta = model.search()
    return _response(model, theta, _series_draws(model, theta, Generator(PCG64(seed))), confidence)


def fit_panel(
    frame: pd.DataFrame,
    channels: Sequence[str],
    outcome: str,
    region: str,
    period: str,
    seed: int,
    controls: Sequence[str] = (),
    tests: Sequence[LiftTest] = (),
    settings: Settings | None = None,
    confidence: float = 0.95,
) -> Response:
    """Return the response to spend from regions that differ in when they spent, week and region effects taken out.

    Parameters
    ----------
    frame : DataFrame
        A row a region and period, none missing. Regions share one curve: give spend and outcome a head (or a store)
        where they differ in size.
    channels, controls : sequence of str
        Columns.
    outcome, region, period : str
        Columns.
    seed, tests, settings, confidence
        As in `fit`; a region's residuals are kept together, so its errors may hang together in time.

    Raises
    ------
    ValueError
        As `fit`; if the panel has holes or fewer than 5 regions; or if a channel's spend moves in all regions alike:
        then only `fit` will do.

    Notes
    -----
    As `fit`, the columns cleared of region and period means and of controls (Frisch, Waugh, Lovell). Wild cluster
    bootstrap: Cameron, Gelbach and Miller (2008), Review of Economics and Statistics 90:414-427, signs by a fair coin,
    regions' residuals widened for the parameters spent and for their number. With few regions quantiles of refits are
    too near: the share's interval is Student's t, regions less 1, with the refits' deviation, and ends at 0.
    """
    check_confidence(confidence)
    setting = settings or Settings()
    cube = {c: _square(frame, c, region, period) for c in (*channels, outcome, *controls)}
    x = _checked(np.stack([cube[c] for c in channels], axis=2), list(channels))
    y = cube[outcome]
    z = np.stack([cube[c] for c in controls], axis=2) if controls else np.empty((*y.shape, 0))
    if y.shape[1] < FEWEST_REGIONS:
        raise ValueError(
            f"{y.shape[1]} regions are too few to tell their own errors, at least {FEWEST_REGIONS} are needed: fit "
            "their sum."
        )
    _enough(y.size, sum(y.shape) - 1 + z.shape[2], x.shape[2], setting)
    for i, channel in enumerate(channels):
        if np.abs(_two_way(x[:, :, [i]])).max() <= _FLAT * np.abs(x[:, :, i]).max():
            raise ValueError(
                f"{channel}: its spend moves in all regions alike, so week effects take all of it: fit the "
                "sum of regions."
            )
    clear, spent = _panel_clearing(y.shape, z)
    model = _Model(x, y, clear, tuple(channels), setting, tuple(tests), spent, x.max(axis=(0, 1)))
    _known(model)
    model = model.weighing()
    theta = model.search()
    draws = _region_draws(model, theta, Generator(PCG64(seed)))
    return _response(model, theta, draws, confidence, y.shape[1] - 1)


Clear = Callable[[Floats], Floats]


@dataclass(frozen=True, eq=False)
class _Model:
    """Spend (periods, regions, channels), the outcome, and how to take controls and effects out of a column."""

    spend: Floats
    outcome: Floats
    clear: Clear
    channels: tuple[str, ...]
    setting: Settings
    tests: tuple[LiftTest, ...]
    spent: int
    scale: Floats
    noise: float = 1.0

    @property
    def width(self) -> int:
        return 2 if self.setting.kind == "logistic" else 3

    def bounds(self) -> tuple[Floats, Floats]:
        one = [(0.0, MOST_CARRIED), _LAW] if self.width == 2 else [(0.0, MOST_CARRIED), _HALF, _STEEP]
        low, high = np.array(one * len(self.channels)).T
        return low, high

    def columns(self, theta: Floats) -> Floats:
        """Return saturated spend, shape (periods, regions, channels)."""
        parts = theta.reshape(-1, self.width)
        made = []
        for i, own in enumerate(parts):
            carried = adstock(self.spend[:, :, i] / self.scale[i], own[0], self.setting.lags)
            made.append(saturation(self.setting.kind, carried, own[1], own[2] if self.width == 3 else 1.0))
        return np.stack(made, axis=2)

    def tested(self, theta: Floats) -> tuple[Floats, Floats]:
        """Return rows of the design and responses of the tests, in units of the noise."""
        rows, right = np.zeros((len(self.tests), len(self.channels))), np.zeros(len(self.tests))
        for r, test in enumerate(self.tests):
            i = self.channels.index(test.channel)
            own, weight = theta.reshape(-1, self.width)[i], self.noise / test.error
            steep = own[2] if self.width == 3 else 1.0
            z = np.array([test.spend + test.change, test.spend]) / self.scale[i]
            after, before = saturation(self.setting.kind, z, own[1], steep)
            rows[r, i], right[r] = weight * (after - before), weight * test.effect
        return rows, right

    def solve(self, theta: Floats) -> tuple[Floats, Floats]:
        """Return the effects, at least 0, and residuals, those of tests last."""
        raw = self.columns(theta)
        rows, right = self.tested(theta)
        design = np.vstack([self.clear(raw.reshape(-1, raw.shape[2])), rows])
        target = np.append(self.clear(self.outcome.reshape(-1, 1))[:, 0], right)
        beta = _nonnegative(design, target)
        return beta, target - design @ beta

    def search(self, start: Floats | None = None) -> Floats:
        """Return carry-over and saturation of least squares; from a start that is near, to fewer digits."""
        low, high = self.bounds()
        starts = [start] if start is not None else _starts(len(self.channels), self.width)
        digits = 1e-10 if start is None else 1e-6
        size = np.sqrt(max(float(np.mean(self.outcome**2)), 1e-300))
        best, least = starts[0], inf
        for one in starts:
            found = least_squares(
                lambda t: self.solve(t)[1] / size, np.clip(one, low + 1e-6, high - 1e-6), bounds=(low, high),
                xtol=digits, ftol=digits, gtol=1e-12, max_nfev=200,
            )  # fmt: skip
            if found.cost < least * (1 - 1e-9):
                best, least = found.x, float(found.cost)
        return np.asarray(best)

    def weighing(self) -> _Model:
        """Return the model with its noise, by which tests are weighed: that of a fit without them."""
        if not self.tests:
            return self
        alone = replace(self, tests=())
        return replace(self, noise=alone.deviation(alone.search()))

    def freedom(self) -> int:
        return self.outcome.size - self.spent - len(self.channels) * (self.width + 1)

    def deviation(self, theta: Floats) -> float:
        left = self.solve(theta)[1][: self.outcome.size]
        return float(np.sqrt(left @ left / self.freedom()))

    def curves(self, theta: Floats, beta: Floats) -> tuple[Curve, ...]:
        parts = theta.reshape(-1, self.width)
        return tuple(
            Curve(
                name, self.setting.kind, float(b), float(own[1]), float(s), float(own[2]) if self.width == 3 else 1.0,
                float(own[0]),
            )
            for name, own, b, s in zip(self.channels, parts, beta, self.scale, strict=True)
        )  # fmt: skip


def _response(
    model: _Model,
    theta: Floats,
    draws: list[tuple[Floats, Floats, Floats]],
    confidence: float,
    freedom: float | None = None,
) -> Response:
    """Return the fit with intervals from draws of (theta, beta, share): quantiles, or Student's t about the fit."""
    beta, left = model.solve(theta)
    by_period = (model.columns(theta) * beta).sum(axis=1)
    share = by_period.sum(axis=0) / model.outcome.sum()
    drawn = np.array([s for _, _, s in draws])
    side = (1 - confidence) / 2
    low, high = np.quantile(drawn, [side, 1 - side], axis=0)
    if freedom is not None:
        half = critical(freedom, confidence) * drawn.std(axis=0, ddof=1)
        low, high = np.maximum(share - half, 0.0), share + half
    ends = model.bounds()
    rows = []
    for i, channel in enumerate(model.channels):
        at = slice(i * model.width, (i + 1) * model.width)
        edge = np.isclose(theta[at], ends[0][at], atol=1e-4) | np.isclose(theta[at], ends[1][at], rtol=1e-4)
        row = dict(channel=channel, contribution=float(by_period[:, i].sum()), share=float(share[i]))
        row |= dict(low=float(low[i]), high=float(high[i]))
        lists = dict(
            carried=(theta[at][0], [t[at][0] for t, _, _ in draws]),
            rate=(theta[at][1], [t[at][1] for t, _, _ in draws]),
            beta=(beta[i], [b[i] for _, b, _ in draws]),
        )  # fmt: skip
        for name, (value, many) in lists.items():
            bottom, top = np.quantile(many, [side, 1 - side])
            row |= {name: float(value), f"{name}_low": float(bottom), f"{name}_high": float(top)}
        rows.append(row | dict(bounded=bool(edge.any() or beta[i] == 0)))
    cleared = model.clear(model.outcome.reshape(-1, 1))
    own = left[: model.outcome.size]
    seen = pd.DataFrame(
        dict(channel=model.channels, low=model.spend.min(axis=(0, 1)), high=model.spend.max(axis=(0, 1)))
    )
    return Response(
        model.curves(theta, beta), pd.DataFrame(rows), by_period,
        tuple(model.curves(t, b) for t, b, _ in draws), seen,
        1 - float(own @ own) / float((cleared**2).sum()), model.deviation(theta), confidence,
    )  # fmt: skip


def _series_draws(
    model: _Model, theta: Floats, random: np.random.Generator
) -> list[tuple[Floats, Floats, Floats]]:
    """Refit to the fitted outcome plus residuals in moving blocks."""
    size, total = model.outcome.size, float(model.outcome.sum())
    left = model.solve(theta)[1][:size]
    fitted = model.outcome[:, 0] - left
    left = (left - left.mean()) * np.sqrt(size / model.freedom())
    length = model.setting.block or ceil(size ** (1 / 3))
    around = np.concatenate([left, left[: length - 1]])
    draws = []
    for _ in range(model.setting.draws):
        begins = random.integers(size, size=ceil(size / length))
        noise = np.concatenate([around[b : b + length] for b in begins])[:size]
        again = replace(model, outcome=(fitted + noise)[:, None], tests=_redrawn(model.tests, random))
        draws.append(_one(again, again.search(theta), total, model))
    return draws


def _region_draws(
    model: _Model, theta: Floats, random: np.random.Generator
) -> list[tuple[Floats, Floats, Floats]]:
    """Refit to the fitted outcome plus residuals, those of a region all with one sign, drawn."""
    size, regions, total = model.outcome.size, model.outcome.shape[1], float(model.outcome.sum())
    left = model.solve(theta)[1][:size].reshape(model.outcome.shape)
    fitted = model.outcome - left
    left = left * np.sqrt(size / model.freedom() * regions / (regions - 1))
    draws = []
    for _ in range(model.setting.draws):
        signs = random.integers(2, size=regions) * 2 - 1
        again = replace(model, outcome=fitted + left * signs, tests=_redrawn(model.tests, random))
        draws.append(_one(again, again.search(theta), total, model))
    return draws


def _redrawn(tests: Sequence[LiftTest], random: np.random.Generator) -> tuple[LiftTest, ...]:
    """Return tests drawn anew from their own errors."""
    return tuple(replace(t, effect=float(t.effect + t.error * random.standard_normal())) for t in tests)


def _known(model: _Model) -> None:
    for test in model.tests:
        if test.channel not in model.channels:
            raise ValueError(f"A test is of {test.channel}, which has no spend here.")
        if not (test.error > 0 and test.spend >= 0 and test.spend + test.change >= 0 and test.change != 0):
            raise ValueError(
                f"{test.channel}: a test needs an error above 0 and a change of spend that leaves it at 0 or more."
            )


def _one(again: _Model, theta: Floats, total: float, model: _Model) -> tuple[Floats, Floats, Floats]:
    """Return a draw's parameters, and its shares of the outcome as it was."""
    beta = again.solve(theta)[0]
    return theta, beta, np.asarray((model.columns(theta) * beta).sum(axis=(0, 1)) / total)


def _panel_clearing(shape: tuple[int, ...], z: Floats) -> tuple[Clear, int]:
    """Return how to take region and period effects and controls out, and the parameters that it spends."""
    basis = _basis(_two_way(z).reshape(shape[0] * shape[1], z.shape[2]))

    def clear(columns: Floats) -> Floats:
        flat = _two_way(columns.reshape(*shape, -1)).reshape(len(columns), -1)
        return np.asarray(flat - basis @ (basis.T @ flat))

    return clear, sum(shape) - 1 + z.shape[2]


def _two_way(cube: Floats) -> Floats:
    """Return a complete panel without its region and period means."""
    return np.asarray(
        cube - cube.mean(axis=0) - cube.mean(axis=1, keepdims=True) + cube.mean(axis=(0, 1))
    )  # fmt: skip


def _basis(columns: Floats) -> Floats:
    """Return orthonormal directions of the columns that vary."""
    if not columns.shape[1]:
        return np.empty((len(columns), 0))
    size = np.linalg.norm(columns, axis=0)
    u, d, _ = np.linalg.svd(columns[:, size > 0] / size[size > 0], full_matrices=False)
    return np.asarray(u[:, d > 1e-10 * max(float(d.max(initial=0.0)), 1e-300)])


def _clearing(columns: Floats) -> Clear:
    basis = _basis(columns)
    return lambda c: np.asarray(c - basis @ (basis.T @ c))


def _nonnegative(design: Floats, target: Floats) -> Floats:
    """Return least-squares coefficients of at least 0; unconstrained ones first, for they often will do."""
    size = np.linalg.norm(design, axis=0)
    size = np.where(size > 0, size, 1.0)
    unit = design / size
    try:
        beta = np.linalg.solve(unit.T @ unit + 1e-13 * np.eye(len(size)), unit.T @ target)
    except np.linalg.LinAlgError:
        beta = np.full(len(size), -1.0)
    if (beta < 0).any():
        beta = nnls(unit, target, maxiter=1000)[0]
    return np.asarray(beta / size)


def _starts(channels: int, width: int) -> list[Floats]:
    """Return where to begin: all channels alike, or, of two, each way."""
    pairs: list[tuple[tuple[float, float], ...]] = [(s,) * channels for s in _STARTS]
    if channels == 2:
        pairs = list(product(_STARTS, repeat=2))
    tail = (1.0,) if width == 3 else ()
    turn = (lambda s: (s[0], 1 / s[1])) if width == 3 else (lambda s: s)
    return [np.array([v for s in pair for v in (*turn(s), *tail)]) for pair in pairs]


def _square(frame: pd.DataFrame, column: str, region: str, period: str) -> Floats:
    """Return a column as periods by regions; refuse holes."""
    for name in (column, region, period):
        if name not in frame:
            raise ValueError(f"The panel has no column `{name}`.")
    if frame.duplicated([region, period]).any():
        raise ValueError("A region has two rows of one period: add them up first.")
    wide = frame.pivot(index=period, columns=region, values=column).sort_index()
    values = wide.to_numpy(float)
    holes = int((~np.isfinite(values)).sum())
    if holes:
        raise ValueError(
            f"`{column}` is missing in {holes:,} of {values.size:,} regions and periods: 0 where nothing was."
        )
    return np.asarray(values)


def _checked(spend: Floats, channels: list[str]) -> Floats:
    if not channels:
        raise ValueError("There is no channel whose spend could be judged.")
    for i, channel in enumerate(channels):
        own = spend[:, :, i]
        _finite(own, f"spend of {channel}")
        if (own < 0).any():
            raise ValueError(
                f"{channel}: spend is negative in {int((own < 0).sum()):,} periods: book refunds elsewhere."
            )
        if np.ptp(own) == 0:
            raise ValueError(
                f"{channel}: this channel's spend never moved, so nothing can be learnt of it from its past."
            )
    return spend


def _finite(values: Floats, what: str) -> None:
    if not np.isfinite(values).all():
        raise ValueError(
            f"The {what} is missing in {int((~np.isfinite(values)).sum()):,} periods: fill or leave them out."
        )


def _enough(rows: int, linear: int, channels: int, setting: Settings) -> None:
    parameters = linear + channels * (3 if setting.kind == "logistic" else 4)
    if rows <= parameters:
        raise ValueError(
            f"{rows} observations cannot tell {parameters} parameters: more periods or regions are needed, or fewer "
            "channels and controls."
        )
    if setting.lags < 1 or setting.draws < 2:
        raise ValueError("Spend carries over at least its own period (lags 1), and intervals need draws.")
