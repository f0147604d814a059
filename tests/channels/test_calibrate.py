"""Over-claim and the one table: by hand, against Fieller with a moving top, and what is refused."""

from __future__ import annotations

from math import inf, sqrt
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.stats import norm, t

from growth.channels import calibrate
from growth.channels.calibrate import Measured
from growth.stats.contrast import estimate, fieller


def channels(**changes: Any) -> pd.DataFrame:
    frame = pd.DataFrame(
        dict(
            channel=["ads", "search", "creator", "affiliate", "email"], paid=[True, True, True, True, False],
            credit=[5000.0, 2000.0, 3000.0, 1000.0, 800.0], spend=[40_000.0, 20_000.0, 30_000.0, 5000.0, np.nan],
            order_value=80.0, new_share=0.5, value=300.0, monthly=10.0,
        )
    )  # fmt: skip
    return frame.assign(**changes)


def measured() -> list[Measured]:
    return [
        Measured("ads", "user test", estimate(1200, 150, inf)),
        Measured("search", "user test", estimate(250, 200, inf)),
        Measured("creator", "geo test", estimate(1500, 300, 20.0)),
    ]


def test_over_claim_is_fieller_and_says_where_there_is_no_end() -> None:
    own = calibrate.over_claim(5000, estimate(1200, 150, inf))
    assert own.value == pytest.approx(5000 / 1200)
    assert own.low == pytest.approx(5000 / (1200 + 1.959964 * 150)) and own.high == pytest.approx(5000 / (1200 - 1.959964 * 150))  # noqa: E501  # fmt: skip
    near = fieller(5000, 1200, 1e-6, 150**2, 0.0)
    assert (own.low, own.high) == pytest.approx((near.low, near.high), rel=1e-6)
    open_end = calibrate.over_claim(2000, estimate(250, 200, inf))
    assert open_end.kind == "outside" and open_end.high == pytest.approx(2000 / (250 + 1.959964 * 200))
    assert open_end.holds(1e6) and open_end.holds(-1e6) and not open_end.holds(1.0)
    against = fieller(2000, 250, 1e-6, 200**2, 0.0)
    assert (open_end.low, open_end.high) == pytest.approx((against.low, against.high), rel=1e-6)
    sampled = calibrate.over_claim(5000, estimate(1200, 150, inf), 400.0**2, 1000.0)
    assert sampled == fieller(5000, 1200, 400.0**2, 150.0**2, 1000.0, inf)


def test_over_claim_of_all_measured_channels_uses_their_covariance() -> None:
    found = [m.orders for m in measured()]
    own = calibrate.over_claim_together([5000, 2000, 3000], found)
    assert own.value == pytest.approx(10_000 / 2950)
    both = np.diag([150.0**2, 200.0**2, 300.0**2])
    both[0, 1] = both[1, 0] = 20_000
    wide = calibrate.together(found, both)
    assert wide.error == pytest.approx(sqrt(both.sum())) and wide.error > calibrate.together(found).error


def test_the_table_by_hand() -> None:
    found = calibrate.table(channels(), measured())
    rows = found.rows.set_index("channel")
    assert rows["source"].tolist() == [
        "user test",
        "user test",
        "geo test",
        calibrate.ALLOCATED,
        calibrate.UNPAID,
    ]
    ads = rows.loc["ads"]
    assert ads["orders"] == 1200 and ads["orders_low"] == pytest.approx(1200 - 1.959964 * 150)
    assert ads["revenue"] == pytest.approx(96_000) and ads["roas"] == pytest.approx(2.4)
    assert ads["cac"] == pytest.approx(40_000 / 600) and ads["payback"] == pytest.approx(40_000 / 600 / 10)
    assert ads["cac_low"] == pytest.approx(40_000 / (0.5 * ads["orders_high"]))
    assert ads["value"] == 300 and ads["said"] == ""
    search = rows.loc["search"]
    assert search["cac_high"] == inf and search["cac_low"] == pytest.approx(
        20_000 / (0.5 * search["orders_high"])
    )
    assert "over-claim: no finite interval" in search["said"] and "new customer: no finite" in search["said"]
    assert np.isnan(rows.loc["email", "orders"]) and np.isnan(rows.loc["email", "cac"])
    assert rows.loc["creator", "orders_high"] - 1500 == pytest.approx(t.ppf(0.975, 20) * 300)


def test_what_was_not_measured_is_one_more_draw() -> None:
    """Student's interval for a new observation: equal to that of a regression on a constant."""
    found = calibrate.table(channels(), measured())
    rate = np.array([0.24, 0.125, 0.5])
    line = sm.OLS(rate, np.ones(3)).fit().get_prediction([[1.0]]).summary_frame(alpha=0.05)
    own = found.rows.set_index("channel").loc["affiliate"]
    assert own["orders"] == pytest.approx(1000 * rate.mean())
    assert own["orders_low"] == pytest.approx(1000 * line["obs_ci_lower"][0])
    assert own["orders_high"] == pytest.approx(1000 * line["obs_ci_upper"][0])
    assert np.isnan(own["over_claim"]) and found.spread == pytest.approx(rate.std(ddof=1))


def test_the_spread_is_paule_and_mandels() -> None:
    rate, error = np.array([0.24, 0.125, 0.5]), np.array([0.03, 0.1, 0.1])
    weight = 1 / (error**2 + calibrate._spread(rate, error) ** 2)
    assert weight @ (rate - weight @ rate / weight.sum()) ** 2 == pytest.approx(2)
    assert calibrate._spread(np.array([0.3, 0.31]), np.array([0.1, 0.1])) == 0


def test_the_total_is_that_of_draws() -> None:
    """The law of the total, drawn: measured errors, and channels' own deviations, which the common rate inherits."""
    found = calibrate.table(channels(), measured())
    random = np.random.default_rng(1)
    credit, error = np.array([5000.0, 2000, 3000]), np.array([150.0, 200, 300])
    spread = calibrate._spread(np.array([0.24, 0.125, 0.5]), error / credit)
    off = []
    for _ in range(40_000):
        own, e = spread * random.normal(size=4), error * random.normal(size=3)
        truth = credit @ (0.3 + own[:3]) + 1000 * (0.3 + own[3])
        seen = credit * (0.3 + own[:3]) + e
        off.append(seen.sum() + 1000 * float(np.mean(seen / credit)) - truth)
    assert found.total is not None
    assert found.total.value == pytest.approx(2950 + 1000 * found.per_credit)
    assert found.total.error == pytest.approx(np.std(off), rel=0.02)
    assert found.total.low < found.total.value < found.total.high


def test_one_measured_channel_allocates_nothing() -> None:
    found = calibrate.table(channels(), measured()[:1])
    rows = found.rows.set_index("channel")
    assert (
        np.isnan(rows.loc["affiliate", "orders"])
        and "one paid channel was measured" in rows.loc["affiliate", "said"]
    )
    assert found.total is None and "measure one more" in found.said
    alone = calibrate.table(channels().query("channel in ['ads', 'email']"), measured()[:1])
    assert alone.total is not None and alone.total.error == pytest.approx(150)


def test_a_covariance_enters_the_total() -> None:
    both = np.diag([150.0**2, 200.0**2, 300.0**2])
    both[0, 1] = both[1, 0] = 25_000
    paid = channels().query("channel != 'affiliate'")
    plain, joint = calibrate.table(paid, measured()), calibrate.table(paid, measured(), both)
    assert plain.total is not None and joint.total is not None
    assert plain.total.error == pytest.approx(sqrt(150**2 + 200**2 + 300**2))
    assert joint.total.error == pytest.approx(sqrt(both.sum()))


def test_own_revenue_and_customers_come_first() -> None:
    own = Measured(
        "ads", "user test", estimate(1200, 150, inf), estimate(60_000, 9000, inf), estimate(900, 90, inf)
    )
    rows = calibrate.table(channels(), [own, *measured()[1:]]).rows.set_index("channel")
    assert rows.loc["ads", "revenue"] == 60_000 and rows.loc["ads", "roas"] == pytest.approx(1.5)
    assert rows.loc["ads", "cac"] == pytest.approx(40_000 / 900)


def test_shrinking_needs_a_spread_that_is_known() -> None:
    credit = dict(zip(channels()["channel"], channels()["credit"], strict=True))
    none, why = calibrate.shrunk(measured(), credit)
    assert none is None and "3 measured channels" in why
    random = np.random.default_rng(2)
    names = [f"c{i}" for i in range(20)]
    large = dict.fromkeys(names, 1000.0)
    truth = 1000 * (0.3 + 0.15 * random.normal(size=20))
    seen = [
        Measured(n, "user test", estimate(v + 60 * random.normal(), 60, inf))
        for n, v in zip(names, truth, strict=True)
    ]
    table, why = calibrate.shrunk(seen, large)
    assert table is not None and why == ""
    assert np.mean((table["orders"] - truth) ** 2) < np.mean([(m.orders.value - v) ** 2 for m, v in zip(seen, truth, strict=True)])  # noqa: E501  # fmt: skip
    alike = [Measured(n, "user test", estimate(300 + 60 * random.normal(), 60, inf)) for n in names]
    none, why = calibrate.shrunk(alike, large)
    assert none is None and "not told from chance" in why


def test_an_estimate_from_an_interval() -> None:
    own = calibrate.from_interval(10, 4, 18)
    assert own.value == 10 and own.error == pytest.approx(14 / (2 * norm.ppf(0.975)))
    with pytest.raises(ValueError, match="no finite interval"):
        calibrate.from_interval(1, -inf, 3)


def test_refusals() -> None:
    with pytest.raises(ValueError, match="No channel was measured"):
        calibrate.table(channels(), [])
    with pytest.raises(ValueError, match="ads comes twice"):
        calibrate.table(channels(), [*measured(), measured()[0]])
    with pytest.raises(ValueError, match="ads comes twice"):
        calibrate.table(pd.concat([channels(), channels().head(1)]), measured())
    with pytest.raises(ValueError, match="radio was measured but"):
        calibrate.table(channels(), [Measured("radio", "geo test", estimate(1, 1, inf))])
    with pytest.raises(ValueError, match="ads is paid but has no spend"):
        calibrate.table(channels(spend=np.nan), measured())
    with pytest.raises(ValueError, match="at least 0: a rule"):
        calibrate.table(channels(credit=[-1.0, 1, 1, 1, 1]), measured())
    with pytest.raises(ValueError, match="no column `paid`"):
        calibrate.table(channels().drop(columns="paid"), measured())
    with pytest.raises(ValueError, match="as many credits"):
        calibrate.over_claim_together([1.0], [])
    with pytest.raises(ValueError, match="at least 0, not -1"):
        calibrate.per(-1.0, estimate(1, 1, inf))
