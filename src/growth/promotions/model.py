"""From marts to decisions: every experiment of a dataset, worked through in the same order."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from growth.errors import UserError
from growth.promotions import design as designs
from growth.promotions import effect, looks, memo, money, segments, validity
from growth.promotions.design import Cells, Design
from growth.promotions.effect import Effect, Refused
from growth.promotions.looks import Next, Replay
from growth.promotions.memo import Memo
from growth.promotions.money import Money
from growth.promotions.plans import plan_of
from growth.promotions.segments import Segment, Targeting
from growth.promotions.validity import STOP, Check


@dataclass(frozen=True)
class Study:
    """One experiment, worked through; by arm where there may be several.

    ``broken``: a check forbids a decision; then nothing after the checks is worked out.
    """

    design: Design
    cells: Cells
    checks: list[Check]
    effects: list[Effect] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    money: dict[str, Money] = field(default_factory=dict)
    cannibalised: dict[str, pd.DataFrame] = field(default_factory=dict)
    segments: dict[str, list[Segment]] = field(default_factory=dict)
    targeting: dict[str, Targeting] = field(default_factory=dict)
    replays: dict[str, Replay] = field(default_factory=dict)
    views: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    next: dict[str, Next] = field(default_factory=dict)
    memo: Memo | None = None

    @property
    def broken(self) -> bool:
        """Whether a check forbids a decision."""
        return any(c.verdict == STOP for c in self.checks)

    @property
    def decision(self) -> Memo:
        """The memo."""
        assert self.memo is not None
        return self.memo

    @property
    def best(self) -> str:
        """The arm that the memo is about, else the first treatment."""
        return self.decision.arm or self.design.treatments[0].name


Mart = Callable[[str], pd.DataFrame]


@dataclass(frozen=True)
class Shelf:
    """The marts of the topic; one that was left out is an empty frame."""

    get: Mart
    has: Callable[[str], bool]

    def of(self, name: str, experiment: str) -> pd.DataFrame:
        """Return one experiment's rows of a mart; none if it was left out."""
        if not self.has(name):
            return pd.DataFrame({"experiment_id": []})
        rows = self.get(name)
        return rows[rows["experiment_id"] == experiment]


def experiments(
    shelf: Shelf, as_of: dt.date, currency: str, params: Any
) -> tuple[list[Study], dict[str, str]]:
    """Work through every experiment.

    Parameters
    ----------
    shelf : Shelf
    as_of : datetime.date
    currency : str
    params : growth.promotions.params.Params

    Returns
    -------
    list of Study
        In the order of their start.
    dict of str to str
        Experiments that cannot be read, and why, in one sentence each.
    """
    rows = shelf.get("designs").sort_values(["starts_on", "experiment_id"])
    found, wrong = [], {}
    for _, row in rows.iterrows():
        try:
            found.append(study(shelf, row, as_of, currency, params))
        except UserError as e:
            wrong[str(row["experiment_id"])] = str(e)
    return found, wrong


def study(shelf: Shelf, row: pd.Series, as_of: dt.date, currency: str, params: Any) -> Study:
    """Work through one experiment: read it, check it, and, if it holds, estimate and decide."""
    name = str(row["experiment_id"])
    cells = read_cells(shelf, name)
    probe = designs.plan(
        row, shelf.of("arms", name), shelf.of("metrics", name), _judgeable(cells, params), params
    )
    cells = designs.with_money(cells, probe, params)
    counts, arms = shelf.of("checks", name), shelf.of("arms", name)
    checks = validity.validity(probe, cells, counts, arms, _overlaps(shelf, name), as_of, params)
    if any(c.verdict == STOP for c in checks):
        found = memo.decide(memo.Evidence(probe, cells, checks, [], {}, {}, currency), params.worthwhile)
        return Study(probe, cells, checks, memo=found)
    return _estimated(shelf, probe, cells, checks, currency, params)


def read_cells(shelf: Shelf, name: str) -> Cells:
    """Return what an experiment's units did, from orders and visits or from what was measured.

    Raises
    ------
    UserError
        If neither is known.
    """
    measured = shelf.of("measured", name)
    if len(measured):
        plans = {p.experiment: p for p in plan_of(shelf.get("measured_names"))}
        return designs.measured_cells(measured, plans[name])
    traded = shelf.of("moments", name)
    if len(traded):
        return designs.trade_cells(traded)
    raise UserError(
        f"{name}: nothing is known of its units: map measurements, or orders and order_lines whose customers or "
        "visitors are those of its assignments."
    )


def _judgeable(cells: Cells, params: Any) -> list[str]:
    """Return the columns that an experiment can be judged by, those made by `with_money` among them."""
    names = list(cells.names)
    if "during_orders" in names:
        return [*names, "during_cost", *(f"total_{m}" for m in designs.OVERALL)]
    revenue = f"during_{params.revenue_metric}"
    return (
        [*names, "during_contribution"] if revenue in names and "during_contribution" not in names else names
    )


def _overlaps(shelf: Shelf, name: str) -> pd.DataFrame:
    if not shelf.has("overlaps"):
        return pd.DataFrame(columns=["other", "shared"])
    rows = shelf.get("overlaps")
    mine = rows[rows["experiment_id"] == name][["other", "shared"]]
    theirs = rows[rows["other"] == name][["experiment_id", "shared"]].rename(
        columns={"experiment_id": "other"}
    )
    return pd.concat([mine, theirs], ignore_index=True)


def _estimated(
    shelf: Shelf, design: Design, cells: Cells, checks: list[Check], currency: str, params: Any
) -> Study:
    found, refused = effect.effects(design, cells, params)
    arms = [a.name for a in design.treatments]
    key = decisive(design, cells)
    moved = [a for a in arms if cells.arms[a].var(key) + cells.arms[design.control.name].var(key) > 0]
    earned = {a: m for a in moved if (m := money.money(design, cells, a)) is not None}
    aimed = {a: t for a in earned if (t := segments.targeting(design, cells, a, key)) is not None}
    evidence = memo.Evidence(design, cells, checks, found, earned, aimed, currency)
    decision = memo.decide(evidence, params.worthwhile)
    days = shelf.of("days", design.id)
    replays = {a: r for a in arms if (r := looks.replay(design, days, a)) is not None}
    goals = {e.arm: e for e in found if e.metric is design.goal}
    plans = {
        a: n
        for a in arms
        if a in goals
        and (n := looks.next_test(design, cells, a, replays.get(a), goals[a].chosen.error)) is not None
    }
    values = shelf.of("measured_values" if "during_orders" not in cells.names else "values", design.id)
    categories = shelf.of("categories", design.id)
    promoted = set(shelf.of("scope", design.id).get("category", pd.Series(dtype=object)).dropna())
    return Study(
        design, cells, checks, found, refused, earned,
        {a: money.cannibalised(design, cells, categories, a, promoted) for a in arms if len(categories)},
        {a: segments.by_segment(design, cells, a, key) for a in moved},
        aimed, replays, {a: effect.views(design, values, a, params.winsor) for a in arms}, plans, decision,
    )  # fmt: skip


def decisive(design: Design, cells: Cells) -> str:
    """Return the column that decides: contribution where it is known, else the goal."""
    if "during_contribution" not in cells.names:
        return design.goal.key
    return (
        "total_contribution"
        if "total_contribution" in cells.names and design.post_days
        else "during_contribution"
    )


def most_at_stake(studies: list[Study]) -> Study | None:
    """Return the sound experiment whose decision moves most: value times units; one with an offer, if there is any."""
    sound = [s for s in studies if not s.broken and s.decision.value is not None]
    if not sound:
        return studies[0] if studies else None

    def stake(s: Study) -> float:
        value = s.decision.value
        return abs(value.value) * sum(m.n for m in s.cells.arms.values()) if value else 0.0

    offered = [s for s in sound if any(m.anyway is not None for m in s.money.values())]
    return max(offered or [s for s in sound if s.money] or sound, key=stake)
