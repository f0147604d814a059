"""Channels tested on customers get a curve through what their test found: in closed form."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from growth.channels import model, money
from growth.channels.calibrate import Table
from growth.channels.response import Curve, Response

PARAMS = SimpleNamespace(half=0.5, seed=3, confidence=0.95)
SOLD, SIZE, DRAWS = 2000.0, 100.0, 4000


def rows(channel: str, source: str, spend: float, orders: float, error: float) -> dict[str, object]:
    half = 1.959963984540054 * error
    return dict(channel=channel, source=source, spend=spend, orders=orders, orders_low=orders - half,
                orders_high=orders + half)  # fmt: skip


def known() -> money.Spending:
    curve = Curve("display", "logistic", 0.1, 2.0, 5.0)
    response = Response((curve,), pd.DataFrame(), np.zeros((1, 1)), (), pd.DataFrame(), 0.5, 0.1, 0.95)
    seen = pd.DataFrame(dict(channel=["display"], low=[0.0], high=[9.0]))
    return money.Spending(response, SIZE, {"display": 4.0}, ((curve,),) * DRAWS, seen)


def test_the_curve_goes_through_the_test_and_saturates_as_assumed() -> None:
    table = pd.DataFrame(
        [
            rows("display", "geo test", 900.0, 50.0, 5.0),
            rows("email", "user test", 2600.0, 80.0, 10.0),
            rows("creator", "user tests, by creator", 700.0, 50.0, 9.0),
            rows("free", "user test", 0.0, 50.0, 9.0),
        ]
    )
    spend = pd.DataFrame(
        dict(channel="email", region=["a", "b", "a"], week=[1, 1, 2], cost=["100", "50", "300"])
    )
    found = money.with_user_tests(known(), Table(table, None, 1.0, 0.0, ""), spend, SOLD, PARAMS)
    assert list(found.today) == ["display", "email"]
    assert found.today["email"] == pytest.approx(2600 / (SIZE * money.WEEKS))
    assert found.seen.set_index("channel").loc["email"].tolist() == pytest.approx([1.5, 3.0])
    curves = [d[1] for d in found.draws]
    now = found.today["email"]
    share = np.array([float(c.value(now)) for c in curves])  # of all orders of the quarter
    assert share.mean() * SOLD == pytest.approx(80, abs=4 * 10 / np.sqrt(DRAWS))
    assert share.std() * SOLD == pytest.approx(10, rel=0.05)
    assert float(curves[0].value(now / 2)) == pytest.approx(curves[0].beta / 2)
    assert all(d[0].channel == "display" for d in found.draws)


def test_no_channel_brings_less_than_nothing() -> None:
    table = pd.DataFrame([rows("email", "user test", 2600.0, -20.0, 10.0)])
    spend = pd.DataFrame(dict(channel=["email"], region="a", week=1, cost="1"))
    found = money.with_user_tests(known(), Table(table, None, 1.0, 0.0, ""), spend, SOLD, PARAMS)
    heights = np.array([d[1].beta for d in found.draws])
    assert heights.min() == 0 and np.mean(heights > 0) == pytest.approx(0.0228, abs=0.01)
    plan = money.next_quarter(found, 1.0, 0.5, 0.95)
    assert plan.table.set_index("channel").loc["email", "spend"] == pytest.approx(0.5 * found.today["email"])


def test_a_campaign_counts_by_its_days_within_the_quarter() -> None:
    rows = pd.DataFrame(
        dict(
            starts_on=["2024-06-24", "2024-07-08", "2024-09-25", "2024-01-01"],
            ends_on=["2024-07-08", "2024-07-22", "2024-10-05", "2024-01-15"],
        )
    )
    share = model.days_within(rows, pd.Timestamp("2024-07-01"), pd.Timestamp("2024-10-01"))
    assert share.tolist() == pytest.approx([0.5, 1, 0.6, 0])
