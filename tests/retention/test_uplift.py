"""Randomised actions: the mart against brute force, one planted lift, a planted difference, a broken lot."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import pytest

from calibration.retention import lots
from growth.retention import uplift, uplift_marts
from tests.conftest import frame


def test_the_mart_holds_what_was_known_before_and_what_came_while_watched(shop: Any) -> None:
    """c1 and c2 bought before the first of March; c3 only after it, c4 is in both arms, c5 in neither."""
    days = dict(
        c1=["01-05", "02-04", "03-10", "03-20"],
        c2=["02-01", "04-20"],
        c3=["03-02"],
        c4=["01-01"],
        c5=["01-01"],
    )
    bought = [(f"{w}{d}", w, d) for w, own in days.items() for d in own]
    orders = [
        dict(order_id=o, customer_id=w, status="paid", placed_at=f"2024-{d} 10:00", paid_at=f"2024-{d} 10:00")
        for o, w, d in bought
    ]
    lines = [dict(order_id=o, product_id="p", quantity=1, amount=10) for o, _, _ in bought]
    own = dict(experiment_id="e", starts_on=dt.date(2024, 3, 1), ends_on=dt.date(2024, 3, 15), post_days=5)
    later = dict(
        experiment_id="late", starts_on=dt.date(2024, 6, 1), ends_on=dt.date(2024, 6, 28), post_days=5
    )
    held = own | dict(experiment_id="held", kind="holdout")  # kept from a channel: judged elsewhere
    arms = [dict(experiment_id="e", arm=a, control=a == "none", planned_share=0.5) for a in ("none", "more")]
    drawn = [("c1", "more"), ("c2", "none"), ("c3", "none"), ("c4", "none"), ("c4", "more")]
    found = frame(
        uplift_marts.tried(
            shop(
                orders=orders, order_lines=lines, experiments=[x | dict(unit="customer") for x in (own, later, held)],
                experiment_arms=[a | dict(experiment_id=e) for e in ("e", "late", "held") for a in arms],
                assignments=[
                    dict(experiment_id=e, customer_id=w, arm=a) for e in ("e", "late", "held") for w, a in drawn
                ],
            )
        )
    ).set_index("customer_id")  # fmt: skip
    assert list(found.index) == ["c1", "c2"], "not over: late; no past: c3; two arms: c4"
    one, two = found.loc["c1"], found.loc["c2"]
    assert (one["x"], one["t_x"], one["t"], one["days"]) == (1, 30, 56, 19)
    assert (one["bought"], float(one["came"])) == (1, 10.0), "the 20th of March is a day too late"
    assert (two["x"], two["t_x"], two["t"], two["bought"], bool(two["control"])) == (0, 0, 29, 0, True)


def test_a_planted_lift_is_found_and_is_one() -> None:
    found = uplift.uplift(lots(np.random.default_rng(3)), "more")
    assert found.low < 0.2 < found.high and found.low > 0 and found.same_lift > 0.05
    assert found.gain.low < 0.2 * 0.8 * 40 < found.gain.high
    # The same share of more is more money: those foreseen to buy most gain most, so aiming pays.
    assert found.aiming.low > 0
    assert found.groups["foreseen"].is_monotonic_increasing and found.groups["customers"].sum() == 4_000


def test_the_gain_of_aiming_is_the_area_between_the_curve_and_its_chord() -> None:
    """By brute force: the mean over every share of who is taken, no ties."""
    random = np.random.default_rng(8)
    y, d, score = random.gamma(1, 30, 600), random.random(600) < 0.5, random.random(600)
    top = uplift._from_the_top(score)
    area = 0.0
    for taken in range(1, 601):
        inside = np.isin(np.arange(600), np.argsort(-score)[:taken])
        aimed = (y * inside)[d].mean() - (y * inside)[~d].mean()
        area += aimed - taken / 600 * (y[d].mean() - y[~d].mean())
    assert uplift._gain((0.5 - top) * y, d, 0.95).value == pytest.approx(area / 600, abs=1e-9)


def test_a_lift_of_the_unforeseen_alone_is_told_from_one_for_all() -> None:
    rows = lots(np.random.default_rng(4), 0.0)
    rare = (rows["x"] / rows["t"] < 0.08 / 7) & ~rows["control"]
    found = uplift.uplift(rows.assign(came=rows["came"].where(~rare, 2.5 * rows["came"])), "more")
    assert found.same_lift < 0.001 and found.aiming.value < 0
    assert found.groups["lift"].iloc[0] > 1 and abs(found.groups["lift"].iloc[-1]) < 0.3


def test_a_lot_that_was_not_kept_and_arms_too_small_are_refused() -> None:
    rows = lots(np.random.default_rng(5))
    leaky = rows[rows["control"] | (np.arange(len(rows)) % 4 > 0)]
    found, refused = uplift.all_arms(pd.concat([leaky, rows.iloc[:300].assign(experiment_id="f", name="f")]))
    assert not found
    assert "planned sizes" in refused["e, more"] and "fewer than 200" in refused["f, more"]
