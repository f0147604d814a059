"""Who buys again at CDNOW, on later quarters, beside what was measured on all of its customers.

The public file is a sample: 2,357 of 23,570 customers. What was measured on all of them must lie in the sample's
interval; what a sample of this size cannot tell is worked out, not wished for.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from growth.retention import churn, snapshots
from growth.stats import scores
from tests.conftest import INFO, frame

REFERENCE = ["log recency", "log bought", "log spent"]


@pytest.fixture
def cdnow(shop: Any, datasets: Path) -> Any:
    """Return a function that makes the mart of snapshots of the raw log, as of a day."""
    raw = pd.read_csv(datasets / "cdnow" / "CDNOW_sample.txt", sep=r"\s+", header=None, dtype=str)
    noon = [dt.datetime.strptime(f"{d} 12", "%Y%m%d %H") for d in raw[2]]
    orders = [
        dict(order_id=str(n), customer_id=c, status="paid", placed_at=at)
        for n, (c, at) in enumerate(zip(raw[0], noon, strict=True))
    ]
    lines = [dict(order_id=str(n), product_id="cd", quantity=1, amount=m) for n, m in enumerate(raw[4])]

    def made(as_of: str) -> pd.DataFrame:
        info = replace(INFO, as_of=as_of)
        return frame(snapshots.snapshots(shop(info=info, orders=orders, order_lines=lines)))

    return made


def test_the_reference_protocol(cdnow: Any) -> None:
    """Recency, frequency and money up to 30 September 1997 alone, tested on what was bought from 1 January 1998 on.

    All customers: AUC .8074, Brier .1044, calibration error .0131.
    """
    old, new = cdnow("1998-07-01"), cdnow("1998-07-02")
    train, test = old[old["at"] == dt.date(1997, 10, 1)], new[new["at"] == dt.date(1998, 1, 1)]
    known, then = (d[REFERENCE] for d in churn.designs(train, test))
    chance = churn._chance(churn._fitted(churn.LOGISTIC, known, churn.bought_again(train)), then)
    hit = churn.bought_again(test)
    area, low, high = scores.auc(chance, hit)
    assert (len(test), hit.sum()) == (2_349, 386)  # 8 of the 2,357 never paid for anything
    assert area >= 0.80 and low < 0.8074 < high
    assert float(((chance - hit) ** 2).mean()) == pytest.approx(0.1044, abs=0.002)
    assert scores.calibration_error(chance, hit) <= 0.02


def test_what_is_learnt_from_every_quarter_that_is_over_is_better_and_calibrated(cdnow: Any) -> None:
    """The quarter from the last day of 1997 on: at least what one quarter teaches on ten times the customers."""
    rows = cdnow("1998-07-01")
    found = [f for f in churn.contest(rows).folds if f.tested == dt.date(1997, 12, 31)]
    one = next(f for f in found if f.model == churn.LOGISTIC)
    assert one.quarters == 3 and one.auc >= 0.807 and one.brier <= 0.1045
    assert one.ece <= min(0.02, one.ece_by_chance) and one.predicted == pytest.approx(one.actual, rel=0.08)
    newest, test = (rows[rows["at"] == d] for d in (dt.date(1997, 10, 1), one.tested))
    alone = churn.predict(churn.LOGISTIC, newest, test)
    assert scores.calibration_error(alone, churn.bought_again(test)) > 0.03, (
        "the newest quarter alone had no customer as old as those now"
    )


def test_a_cohort_that_fades_is_told_by_its_drift(cdnow: Any) -> None:
    """From April 1998 on fewer buy than ever before: ranked well, foreseen too high, and the drift says so."""
    found = churn.contest(cdnow("1998-07-01"))
    one = next(f for f in found.folds if f.tested == dt.date(1998, 4, 1) and f.model == churn.LOGISTIC)
    assert one.low < 0.8399 < one.high and one.brier <= 0.089
    assert one.ece > one.ece_by_chance and one.predicted > 1.2 * one.actual
    assert found.drift > 0.25 and found.drifts["feature"].iloc[0] == "log tenure"


def test_what_calibration_error_so_few_customers_show_by_chance(cdnow: Any) -> None:
    """A model whose every chance is right: half of such samples show more than .016, one in twenty more than .023.

    A bar of .015 would refuse a perfect model in more than half of samples of 2,357, one of .02 in about one of seven.
    """
    rows = cdnow("1998-07-01")
    day = dt.date(1997, 12, 31)
    chance = churn.predict(churn.LOGISTIC, churn.past(rows, day), rows[rows["at"] == day])
    random = np.random.default_rng(11)
    shown = np.array(
        [scores.calibration_error(chance, random.random(len(chance)) < chance) for _ in range(2_000)]
    )
    mean, most = scores.calibration_by_chance(chance)
    assert np.mean(shown) == pytest.approx(mean, rel=0.03)
    assert np.quantile(shown, 0.95) == pytest.approx(most, rel=0.03)
    assert 0.5 < np.mean(shown > 0.015) < 0.65 and 0.1 < np.mean(shown > 0.02) < 0.2
