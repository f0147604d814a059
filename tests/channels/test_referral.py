"""Word of mouth on branching trees with a known K, by hand, and against what is refused."""

from __future__ import annotations

from math import exp

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.stats import t as student

from growth.channels import referral

AS_OF = pd.Timestamp("2024-07-01")
INVITES, JOINS, ACTIVE, DELAY = (
    1.2,
    0.5,
    60.0,
    20.0,
)  # invitations a customer, share that joins, days, mean days


def tree(seed: int, roots: int = 150, days: float = 240.0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Customers who invite for 60 days, unevenly; half of those invited join, after a time; the data end in between."""
    random = np.random.default_rng(seed)
    starts = list(random.uniform(0, days, roots))
    rows, i = [], 0
    while i < len(starts):
        for age in random.uniform(0, ACTIVE, random.poisson(random.gamma(1.5, INVITES / 1.5))):
            wait = random.exponential(DELAY) if random.random() < JOINS else np.inf
            when = starts[i] + age
            joined = when + wait if when + wait < days else np.nan
            if when < days:
                who = len(starts) if joined == joined else None
                rows.append((i, when, who, joined))
                if who is not None:
                    starts.append(joined)
        i += 1
    begin = AS_OF - pd.Timedelta(days=days)
    customers = pd.DataFrame(
        dict(customer_id=range(len(starts)), joined_at=begin + pd.to_timedelta(starts, "D"))
    )
    made = pd.DataFrame(rows, columns=["inviter_id", "invited_at", "customer_id", "joined_at"])
    made["invited_at"] = begin + pd.to_timedelta(made["invited_at"], "D")
    made["joined_at"] = begin + pd.to_timedelta(made["joined_at"], "D")
    return customers, made.astype({"customer_id": "Int64"})


def arrived(age: float) -> float:
    """The share of those who will ever join that has joined by an age of the inviter."""
    return quad(lambda a: 1 - exp(-(age - a) / DELAY), 0, min(age, ACTIVE))[0] / ACTIVE


def test_k_is_unbiased_on_branching_trees_whatever_the_share_of_young_customers() -> None:
    horizon, found = 90.0, []
    for seed in range(120):
        customers, made = tree(seed)
        found.append(referral.spread(referral.histories(customers, made, AS_OF), horizon))
    truth = INVITES * JOINS * arrived(horizon)
    assert np.mean([f.k.value for f in found]) == pytest.approx(truth, rel=0.02)
    assert np.mean([f.invites.value for f in found]) == pytest.approx(INVITES, rel=0.02)
    assert np.mean([f.share.value for f in found]) == pytest.approx(
        JOINS * (1 - exp(-horizon / DELAY)), rel=0.02
    )
    middle = brentq(lambda t: arrived(t) - arrived(horizon) / 2, 1, 89)
    assert np.mean([f.generation.value for f in found]) == pytest.approx(middle, rel=0.02)
    naive = np.mean([f.joined / f.customers for f in found])
    assert naive < 0.9 * truth  # what counting without regard to time says
    assert np.mean([f.k.low <= truth <= f.k.high for f in found]) >= 0.9


def test_everybody_watched_is_a_plain_mean() -> None:
    start = pd.Timestamp("2024-01-01")
    customers = pd.DataFrame(dict(customer_id=range(20), joined_at=start))
    made = pd.DataFrame(
        dict(
            inviter_id=[0, 0, 0, 5, 7], invited_at=start + pd.to_timedelta([1, 2, 3, 4, 5], "D"),
            customer_id=[90, 91, None, 92, None], joined_at=start + pd.to_timedelta([5, 9, None, 40, None], "D"),
        )
    )  # fmt: skip
    found = referral.spread(referral.histories(customers, made, AS_OF), 30.0)
    counts = np.zeros(20)
    counts[0] = 2
    assert found.k.value == pytest.approx(2 / 20)
    assert found.k.error == pytest.approx(counts.std(ddof=1) / np.sqrt(20))
    assert found.invites.value == pytest.approx(5 / 20)
    assert found.share.value == pytest.approx(2 / 5)  # the third waited for 36 days
    assert (found.customers, found.invitations, found.joined) == (20, 5, 3)
    assert found.generation.value == 5.0
    assert found.multiplier is not None and found.multiplier.value == pytest.approx(1 / 0.9)


def test_customers_of_a_month_are_one_unit_where_there_are_a_dozen() -> None:
    """All watched beyond the horizon, so K is a plain mean, and its error that of a mean of clusters."""
    random = np.random.default_rng(5)
    watched = random.uniform(50, 650, 200)
    many = random.poisson(0.3 * (1 + (watched // 30) % 2))
    by = np.repeat(np.arange(200), many)
    at = np.full(len(by), 9.0)
    found = referral.spread(referral.Histories(watched, by, at, by, at, at, np.ones(len(by), bool)), 40.0)
    sums = pd.Series(many - many.mean()).groupby(watched // 30).sum()
    error = np.sqrt((sums**2).sum() * len(sums) / (len(sums) - 1)) / 200
    assert len(sums) >= 12 and found.k.error == pytest.approx(error)
    half = student.ppf(0.975, len(sums) - 1) * error / many.mean()
    assert found.k.high == pytest.approx(many.mean() * np.exp(half))


def test_young_customers_count_only_while_watched() -> None:
    """Two in ten watched for 5 days: by hand, jumps of 1/12 on day 3 and 1/10 on day 8."""
    watched = np.array([5.0, 5.0] + [50.0] * 10)
    found = referral.Histories(
        watched, np.array([0, 2]), np.array([1.0, 2.0]), np.array([0, 2]), np.array([3.0, 8.0]),
        np.array([2.0, 6.0]), np.array([True, True]),
    )  # fmt: skip
    assert referral.spread(found, 20.0).k.value == pytest.approx(1 / 12 + 1 / 10)


def test_more_than_one_each_spreads_by_itself() -> None:
    watched = np.full(30, 100.0)
    by = np.repeat(np.arange(30), 2)[:40]
    found = referral.Histories(
        watched, by, np.full(40, 1.0), by, np.full(40, 9.0), np.full(40, 8.0), np.ones(40, bool)
    )
    own = referral.spread(found, 50.0)
    assert own.multiplier is None and "spreads by itself, no multiplier" in own.said
    by = by[:29]
    less = referral.Histories(
        watched, by, np.full(29, 1.0), by, np.full(29, 9.0), np.full(29, 8.0), np.ones(29, bool)
    )
    fewer = referral.spread(less, 50.0)
    assert (
        fewer.multiplier is not None
        and fewer.multiplier.value == pytest.approx(30)
        and fewer.multiplier.high == np.inf
    )


def test_the_first_invitation_has_a_customer_whom_two_claim() -> None:
    start = pd.Timestamp("2024-01-01")
    customers = pd.DataFrame(dict(customer_id=range(12), joined_at=start))
    made = pd.DataFrame(
        dict(
            inviter_id=[3, 1], invited_at=[start + pd.Timedelta(days=4), start + pd.Timedelta(days=2)],
            customer_id=[50, 50], joined_at=[start + pd.Timedelta(days=9)] * 2,
        )
    )  # fmt: skip
    found = referral.histories(customers, made, AS_OF)
    assert found.doubled == 1 and found.joined_by.tolist() == [1]


def test_share_of_growth() -> None:
    found = referral.by_invitation(30, 200)
    assert found.value == 0.15 and found.low == pytest.approx(0.107, abs=0.001) and found.high == pytest.approx(0.206, abs=0.001)  # noqa: E501  # fmt: skip
    with pytest.raises(ValueError, match="cannot have come"):
        referral.by_invitation(5, 4)


def test_refusals() -> None:
    customers, made = tree(1, 40)
    with pytest.raises(ValueError, match="customer comes twice"):
        referral.histories(pd.concat([customers, customers.head(1)]), made, AS_OF)
    with pytest.raises(ValueError, match="1 invitations are by nobody"):
        referral.histories(
            customers, made.assign(inviter_id=made["inviter_id"].where(made.index > 0, 9999)), AS_OF
        )
    with pytest.raises(ValueError, match="invites itself"):
        own = made.assign(customer_id=made["inviter_id"], joined_at=made["invited_at"])
        referral.histories(customers, own, AS_OF)
    with pytest.raises(ValueError, match="say who joined, not when"):
        referral.histories(customers, made.assign(joined_at=pd.NaT), AS_OF)
    with pytest.raises(ValueError, match="before being invited"):
        referral.histories(customers, made.assign(joined_at=made["invited_at"] - pd.Timedelta(days=1)), AS_OF)
    with pytest.raises(ValueError, match="before their inviter joined"):
        early = customers["joined_at"].min() - pd.Timedelta(days=1)
        referral.histories(customers, made.assign(invited_at=early), AS_OF)
    found = referral.histories(customers, made, AS_OF)
    with pytest.raises(ValueError, match="shorten the horizon"):
        referral.spread(found, 239.99)
    nobody = referral.histories(customers, made.assign(joined_at=pd.NaT, customer_id=pd.NA), AS_OF)
    with pytest.raises(ValueError, match="Nobody joined by invitation"):
        referral.spread(nobody, 90.0)
