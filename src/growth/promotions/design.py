"""Experiments as they were laid down, and what their arms' units did: marts in, typed designs and moments out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import localcontext
from functools import reduce
from operator import add
from typing import Any

import numpy as np
import pandas as pd

from growth.errors import UserError
from growth.stats.moments import Moments

WINDOWS = {"pre": "before", "during": "during", "post": "in the days after", "total": "during and after"}
MONEY = ("revenue", "contribution", "discount", "messages", "cost")
OVERALL = ("visits", "orders", "revenue", "contribution")  # known during and after, so that a total exists


@dataclass(frozen=True)
class Arm:
    """An arm: its planned share of the units, and what a unit in it costs beside discounts and messages."""

    name: str
    share: float
    unit_cost: float


@dataclass(frozen=True)
class Metric:
    """What an experiment is judged by: a metric of a window, alone or over another (`denominator`)."""

    metric: str
    window: str
    role: str
    direction: str = "increase"
    margin: float | None = None
    denominator: str = ""

    @property
    def key(self) -> str:
        """The column of `Cells`."""
        return f"{self.window}_{self.metric}"

    @property
    def below(self) -> str:
        """The column of the denominator; empty if there is none."""
        return f"{self.window}_{self.denominator}" if self.denominator else ""

    @property
    def label(self) -> str:
        """Its name for people."""
        name = f"{self.metric} an {self.denominator[:-1]}" if self.denominator == "orders" else self.metric
        if self.denominator not in ("", "orders"):
            name = f"{self.metric} / {self.denominator}"
        return f"{name.replace('_', ' ')}, {WINDOWS[self.window]}"


@dataclass(frozen=True)
class Design:
    """An experiment as it was laid down.

    Parameters
    ----------
    id, name, kind, unit : str
    control : Arm
    treatments : tuple of Arm
    metrics : tuple of Metric
        The first goal decides.
    begin, end : datetime.date or None
        First day, and first day after; None where not known.
    post_days : int
        Days after that are watched.
    way : str
        ``fixed``, ``group_sequential`` or ``always_valid``.
    looks : int
    alpha, power : float
    planned_lift : float or None
        Smallest relative effect that was planned for.
    planned_units : int or None
        Units an arm that the plan asked for.
    goods_known : bool
        Whether contribution rests on known costs of goods.
    """

    id: str
    name: str
    kind: str
    unit: str
    control: Arm
    treatments: tuple[Arm, ...]
    metrics: tuple[Metric, ...]
    begin: dt.date | None
    end: dt.date | None
    post_days: int
    way: str
    looks: int
    alpha: float
    power: float
    planned_lift: float | None
    planned_units: int | None
    goods_known: bool

    @property
    def arms(self) -> tuple[Arm, ...]:
        """All arms, the control first."""
        return (self.control, *self.treatments)

    @property
    def goal(self) -> Metric:
        """The metric that decides."""
        return next(m for m in self.metrics if m.role == "goal")

    @property
    def until(self) -> dt.date | None:
        """First day after those that are watched."""
        return self.end + dt.timedelta(days=self.post_days) if self.end else None

    @property
    def confidence(self) -> float:
        """Confidence of its intervals."""
        return 1 - self.alpha


def _text(value: Any) -> str:
    return (
        ""
        if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value))
        else str(value)
    )


def _number(value: Any, default: Any) -> Any:
    return default if value is None or pd.isna(value) else value


def _date(value: Any) -> dt.date | None:
    return None if value is None or pd.isna(value) else value


def plan(
    design: pd.Series, arms: pd.DataFrame, metrics: pd.DataFrame, names: Sequence[str], params: Any
) -> Design:
    """Read one experiment's design from the marts ``designs``, ``arms`` and ``metrics``.

    Parameters
    ----------
    design : Series
        Its row of ``designs``.
    arms, metrics : DataFrame
        Its rows.
    names : sequence of str
        Columns that can be judged by: ``during_orders``, …
    params : growth.promotions.params.Params

    Raises
    ------
    UserError
        If there is not exactly one control, planned shares do not sum to one, the end lies before the start, or no
        known metric is named: in one sentence that says how to mend it.
    """
    name = str(design["experiment_id"])
    planned = arms[arms["planned"]].sort_values("place")
    controls = planned[planned["control"] == True]["arm"]  # noqa: E712  (null is neither)
    if len(controls) != 1:
        found = ", ".join(controls) or "none"
        raise UserError(
            f"{name}: experiment_arms must mark exactly one arm as the control (found: {found}; arms: "
            f"{', '.join(arms['arm'])}). Set control to true for one row of it."
        )
    shares = planned["planned_share"].astype(float)
    if shares.isna().any():
        shares = pd.Series(1 / len(planned), planned.index)
    if abs(float(shares.sum()) - 1) > 1e-6:
        raise UserError(
            f"{name}: planned_share of its arms sums to {shares.sum():g}, not 1: give the share of all units "
            f"({', '.join(f'{a} {s:g}' for a, s in zip(planned['arm'], shares, strict=True))})."
        )
    begin, end = _date(design["starts_on"]), _date(design["ends_on"])
    if begin and end and end <= begin:
        raise UserError(
            f"{name}: ends_on ({end}) must lie after starts_on ({begin}); it is the first day after."
        )
    made = [
        Arm(str(r.arm), float(s), float(_number(r.unit_cost, 0)))
        for r, s in zip(planned.itertuples(), shares, strict=True)
    ]
    if negative := [a.name for a in made if a.unit_cost < 0]:
        raise UserError(f"{name}: unit_cost of {', '.join(negative)} is negative; a cost is at least 0.")
    control = next(a for a in made if a.name == controls.iloc[0])
    return Design(
        name,
        _text(design["name"]) or name,
        _text(design["kind"]) or "test",
        str(design["unit"]),
        control,
        tuple(a for a in made if a is not control),
        _metrics(name, metrics, names, params),
        begin,
        end,
        int(_number(design["post_days"], 0)),
        _text(design["design"]) or "fixed",
        int(_number(design["looks"], 1)),
        float(_number(design["alpha"], 1 - params.confidence)),
        float(_number(design["power"], params.power)),
        _number(design["planned_lift"], None),
        _number(design["planned_units"], None),
        bool(design["goods_known"]),
    )


def _metrics(name: str, rows: pd.DataFrame, names: Sequence[str], params: Any) -> tuple[Metric, ...]:
    found = []
    for r in rows.sort_values("place").itertuples() if len(rows) else ():
        m = Metric(
            str(r.metric), _text(r.window) or "during", str(r.role), _text(r.direction) or "increase",
            _number(r.margin, None), _text(r.denominator),
        )  # fmt: skip
        wrong = [c for c in (m.key, m.below) if c and c not in names]
        if wrong:
            known = ", ".join(sorted(n for n in names if not n.startswith("pre_")))
            raise UserError(
                f"{name}: experiment_metrics asks for {' and '.join(wrong)} (window_metric), which is not known. "
                f"Known: {known}."
            )
        found.append(m)
    if not found:
        likely = [f"total_{'contribution'}", f"during_{params.revenue_metric}", *names]
        key = next((k for k in likely if k in names and not k.startswith("pre_")), "")
        if not key:
            raise UserError(f"{name}: no metric is known: map measurements, or orders and order_lines.")
        window, _, metric = key.partition("_")
        found.append(Metric(metric, window, "goal"))
    if not any(m.role == "goal" for m in found):
        found[0] = replace(found[0], role="goal")
    return tuple(found)


@dataclass(frozen=True)
class Cells:
    """What the units of one experiment did, as moments by arm, segment and fold.

    Parameters
    ----------
    arms : dict of str to Moments
    strata : dict
        (arm, fold, level of each segment) -> Moments.
    segments : tuple of str
        What the levels are of.
    covariates : tuple of str
        Columns from before the experiment.
    incomplete : dict of str to int
        Units by arm that lack a metric and are left out.
    """

    arms: dict[str, Moments]
    strata: dict[tuple[str, int, tuple[str, ...]], Moments]
    segments: tuple[str, ...]
    covariates: tuple[str, ...]
    incomplete: dict[str, int]

    @property
    def names(self) -> tuple[str, ...]:
        """The columns."""
        return next(iter(self.arms.values())).names if self.arms else ()

    def level(self, arm: str, segment: int, level: str, fold: int | None = None) -> Moments | None:
        """Return the moments of an arm's units of one level of a segment, of one fold or both; None if none."""
        parts = [
            m
            for (a, f, levels), m in self.strata.items()
            if a == arm and levels[segment] == level and fold in (None, f)
        ]
        return reduce(add, parts) if parts else None

    def levels(self, segment: int) -> list[str]:
        """Return the levels of a segment that are known, in order."""
        return sorted({levels[segment] for _, _, levels in self.strata} - {""})

    def mapped(self, change: Any) -> Cells:
        """Return the cells with every moments changed: ``change(arm, moments)``."""
        return replace(
            self,
            arms={a: change(a, m) for a, m in self.arms.items()},
            strata={k: change(k[0], m) for k, m in self.strata.items()},
        )


TRADE_SEGMENTS = ("tier", "city_tier", "channel")


def trade_cells(rows: pd.DataFrame) -> Cells:
    """Read one experiment's rows of the mart ``moments``."""
    names = tuple(c.removeprefix("s_") for c in rows.columns if c.startswith("s_"))
    return _cells(rows, names, names, dict.fromkeys(names, 0), list(TRADE_SEGMENTS), {})


def measured_cells(rows: pd.DataFrame, plan: Any) -> Cells:
    """Read one experiment's rows of the mart ``measured``; `plan` names its columns (`marts.plan_of`)."""
    stored = tuple(f"v{i}" for i in range(len(plan.metrics)))
    scales = dict(zip(stored, (s for _, _, s in plan.metrics), strict=True))
    left = rows[~rows["complete"]].groupby("arm")["units"].sum()
    lacking = {str(arm): int(n) for arm, n in left.items()}
    levels = [f"segment_{i + 1}" for i in range(len(plan.segments))]
    cells = _cells(rows[rows["complete"]], stored, plan.columns, scales, levels, lacking)
    return replace(cells, segments=plan.segments)


def _cells(
    rows: pd.DataFrame, stored: Sequence[str], names: Sequence[str], scales: dict[str, int], levels: list[str],
    incomplete: dict[str, int],
) -> Cells:  # fmt: skip
    """Turn rows of sums and products into moments; sums are exact, and added up before they become floats."""
    pairs = {(i, j): f"p_{a}__{b}" for i, a in enumerate(stored) for j, b in enumerate(stored) if i <= j}
    sums, factors = [f"s_{c}" for c in stored], [scales[c] for c in stored]

    def moments(row: Any) -> Moments:
        products = {pair: row[column] for pair, column in pairs.items()}
        found = Moments.from_sums(tuple(names), int(row["units"]), [row[c] for c in sums], products)
        return _unscaled(found, factors)

    strata = {
        (str(row["arm"]), int(row["fold"]), tuple(_text(row[c]) for c in levels)): moments(row)
        for row in rows.to_dict("records")
    }
    added = (
        rows.groupby("arm")[["units", *sums, *pairs.values()]].agg(_exact_sum) if len(rows) else rows.head(0)
    )
    arms = {str(arm): moments(row) for arm, row in added.to_dict("index").items()}
    before = tuple(n for n in names if n.startswith("pre_"))
    return Cells(arms, strata, tuple(levels), before, incomplete)


def _exact_sum(values: pd.Series) -> Any:
    """Add up whole numbers or decimals one by one: exact, whatever the order."""
    with localcontext(prec=100):  # the usual 28 digits would round sums of 38
        return reduce(add, values)


def _unscaled(m: Moments, scales: Sequence[int]) -> Moments:
    if not any(scales):
        return m
    factor = 10.0 ** -np.array(scales, float)
    return Moments(m.names, m.n, m.mean * factor, m.cross * np.outer(factor, factor))


def with_money(cells: Cells, design: Design, params: Any) -> Cells:
    """Add what an experiment costs and leaves: ``during_cost`` and totals of `OVERALL`, arm's costs taken off.

    Measured data know revenue alone (`params.revenue_metric`): contribution is `params.margin` of it less the arm's
    cost. Where the cost of goods is not known, `params.margin` of revenue takes its place.
    """
    cost = {a.name: a.unit_cost for a in design.arms}
    measured = "during_orders" not in cells.names
    revenue = f"during_{params.revenue_metric}"

    def change(arm: str, m: Moments) -> Moments:
        if measured and revenue in m.names and "during_contribution" not in m.names:
            m = m.with_sum("during_contribution", {revenue: params.margin}, -cost.get(arm, 0.0))
            return m.with_sum("during_cost", {revenue: 0.0}, cost.get(arm, 0.0))
        if measured:
            return m
        for window in ("during", "post") if not design.goods_known else ():
            m = _guessed(m, window, params.margin)
        m = m.with_sum("during_cost", {"during_discount": 1.0, "during_messages": 1.0}, cost.get(arm, 0.0))
        m = _less(m, "during_contribution", cost.get(arm, 0.0))
        for name in OVERALL:
            m = m.with_sum(f"total_{name}", {f"during_{name}": 1.0, f"post_{name}": 1.0})
        return m

    return cells.mapped(change)


def _less(m: Moments, name: str, amount: float) -> Moments:
    """Take a constant off a metric's mean."""
    mean = np.array(m.mean)
    mean[m.names.index(name)] -= amount
    return Moments(m.names, m.n, mean, m.cross)


def _guessed(m: Moments, window: str, margin: float) -> Moments:
    """Put the margin of revenue in the place of revenue less unknown goods, in the contribution of a window."""
    name, revenue = f"{window}_contribution", f"{window}_revenue"
    wider = m.with_sum("_new", {name: 1.0, revenue: margin - 1.0})
    at, last = wider.names.index(name), len(wider.names) - 1
    order = [last if i == at else i for i in range(last)]
    return Moments(m.names, m.n, wider.mean[order], wider.cross[np.ix_(order, order)])
