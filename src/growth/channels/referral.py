"""Word of mouth: how many new customers a customer brings by invitation, how soon, and what that makes of growth.

Recent customers have had less time to invite: every rate is of customers still watched at that age, so that K is what a
customer brings within a horizon, whatever the mix of old and new.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, inf, log, sqrt

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from growth.stats.contrast import check_confidence, critical
from growth.stats.moments import Floats
from growth.stats.proportions import wilson
from growth.stats.survival import kaplan_meier

Ints = NDArray[np.int64]
_DAY = np.timedelta64(1, "D")
FEWEST = 10  # customers still watched at the horizon
MONTH = 30.0  # days: customers who joined within as many may share what made them invite
MONTHS = 12  # from which on months, not customers, are what varies


@dataclass(frozen=True, eq=False)
class Histories:
    """Customers, how long each was watched, and what came of their invitations.

    Parameters
    ----------
    watched : ndarray, shape (n,)
        Days from a customer's joining to the end of the data.
    invited_by, invited_at : ndarray, shape (m,)
        For each invitation, position of the inviter and its age then, days.
    joined_by, joined_at : ndarray, shape (j,)
        For each who joined by invitation, position of the inviter and its age then, days.
    waited, answered : ndarray, shape (m,)
        Days from an invitation to the joining, or to the end of the data; whether somebody joined.
    doubled : int
        Joinings that a second invitation claims too; the first invitation has them.
    """

    watched: Floats
    invited_by: Ints
    invited_at: Floats
    joined_by: Ints
    joined_at: Floats
    waited: Floats
    answered: NDArray[np.bool_]
    doubled: int = 0


@dataclass(frozen=True)
class Rate:
    """A mean number with its interval.

    Parameters
    ----------
    value, error, low, high : float
    """

    value: float
    error: float
    low: float
    high: float


@dataclass(frozen=True)
class Referral:
    """How a shop spreads by invitation.

    Parameters
    ----------
    horizon : float
        Days after a customer's joining.
    customers, invitations, joined : int
        All of them, of any age.
    k : Rate
        New customers by invitation a customer, within the horizon.
    invites : Rate
        Invitations a customer, within the horizon.
    share : Rate
        Of invitations that bring somebody within the horizon after the invitation. Invites times share exceeds K a
        little: late invitations have had less of the customer's horizon.
    generation : Rate
        Median days from a customer's joining to that of one it brought, of those within the horizon. Its error is that
        of a normal law with this interval.
    multiplier : Rate or None
        Customers in the end for each that comes by itself, 1 / (1 - K); None where K is 1 or more. The upper end is
        infinite where K may be 1.
    said : str
        Why there is no multiplier; empty where there is one.
    confidence : float
    """

    horizon: float
    customers: int
    invitations: int
    joined: int
    k: Rate
    invites: Rate
    share: Rate
    generation: Rate
    multiplier: Rate | None
    said: str
    confidence: float


def histories(customers: pd.DataFrame, referrals: pd.DataFrame, as_of: object) -> Histories:
    """Return what each customer's invitations came to.

    Parameters
    ----------
    customers : DataFrame
        ``customer_id, joined_at``.
    referrals : DataFrame
        ``inviter_id, invited_at, customer_id, joined_at``; the last two are missing where nobody joined.
    as_of : datetime-like
        End of the data, exclusive: later invitations and joinings have not happened yet.

    Raises
    ------
    ValueError
        If a customer comes twice, an inviter is unknown, somebody invites itself, or time runs backwards.
    """
    end = pd.Timestamp(as_of)  # type: ignore[arg-type]
    if customers["customer_id"].duplicated().any():
        raise ValueError("A customer comes twice in the table of customers: keep one row each.")
    people = customers.loc[customers["joined_at"] < end].sort_values("customer_id")
    made = referrals.loc[referrals["invited_at"] < end].sort_values(
        ["invited_at", "inviter_id", "customer_id"]
    )
    place = pd.Index(people["customer_id"]).get_indexer(pd.Index(made["inviter_id"]))
    _check(made, place, end)
    start = people["joined_at"].to_numpy()
    by = place.astype(np.int64)
    age = _days(made["invited_at"].to_numpy() - start[by])
    joined = made["joined_at"].notna().to_numpy() & (made["joined_at"] < end).to_numpy()
    again = (
        made["customer_id"].where(joined).duplicated().to_numpy()
        & joined
        & made["customer_id"].notna().to_numpy()
    )
    joined &= ~again
    later = _days(made["joined_at"].to_numpy()[joined] - start[by[joined]])
    if (age < 0).any():
        raise ValueError(
            f"{int((age < 0).sum()):,} invitations come before their inviter joined: check the times."
        )
    waited = _days(
        made["joined_at"].where(pd.Series(joined, made.index), end).to_numpy() - made["invited_at"].to_numpy()
    )
    return Histories(
        _days(np.datetime64(end) - start), by, age, by[joined], later, waited, joined, int(again.sum())
    )  # fmt: skip


def spread(found: Histories, horizon: float, confidence: float = 0.95) -> Referral:
    """Return K within a horizon, what it is made of, and what follows.

    Parameters
    ----------
    found : Histories
    horizon : float
        Days; customers watched for less count up to the age at which they were last seen.
    confidence : float

    Raises
    ------
    ValueError
        If fewer than 10 customers were watched for the horizon, or nobody joined by invitation within it.

    Notes
    -----
    Mean cumulative function with the robust variance of Lawless and Nadeau (1995), Technometrics 37:158-168, eq. 2.4: a
    customer's invitations need not be independent of each other, nor need those of customers who joined in the same 30
    days, where there are at least 12 such months: then months are the units, with Student's law. Intervals of means on
    the log scale. Shares by Kaplan and Meier. The median's interval holds all days at which "half have come" is not
    rejected.
    """
    check_confidence(confidence)
    watched = np.asarray(found.watched, float)
    still = int((watched >= horizon).sum())
    if not horizon > 0 or still < FEWEST:
        raise ValueError(
            f"{still} customers were watched for {horizon:g} days; K within them needs at least {FEWEST}: shorten the "
            "horizon."
        )
    near = found.joined_at <= horizon
    if not near.any():
        raise ValueError(
            f"Nobody joined by invitation within {horizon:g} days: K is not above 0, and has no interval."
        )
    k = _mean(watched, found.joined_by, found.joined_at, horizon, confidence)
    multiplier, said = _multiplier(k)
    return Referral(
        float(horizon), len(watched), len(found.invited_by), len(found.joined_by), k,
        _mean(watched, found.invited_by, found.invited_at, horizon, confidence), _share(found, horizon, confidence),
        _generation(watched, found.joined_by, found.joined_at, horizon, confidence), multiplier, said, confidence,
    )  # fmt: skip


def by_invitation(invited: int, joined: int, confidence: float = 0.95) -> Rate:
    """Return the share of a period's new customers who came by invitation.

    Parameters
    ----------
    invited, joined : int
        New customers by invitation, and all new customers.

    Raises
    ------
    ValueError
        If nobody joined, or more by invitation than did at all.
    """
    if not 0 <= invited <= joined or joined < 1:
        raise ValueError(f"{invited} of {joined} new customers cannot have come by invitation.")
    low, high = (float(np.ravel(end)[0]) for end in wilson(invited, joined, confidence))
    share = invited / joined
    return Rate(share, sqrt(share * (1 - share) / joined), low, high)


def _multiplier(k: Rate) -> tuple[Rate | None, str]:
    if k.value >= 1:
        return None, f"K is {k.value:.2f}: it spreads by itself, no multiplier"
    value = 1 / (1 - k.value)
    return Rate(value, k.error * value**2, 1 / (1 - k.low), 1 / (1 - k.high) if k.high < 1 else inf), ""


def _check(made: pd.DataFrame, place: Ints, end: pd.Timestamp) -> None:
    unknown = place < 0
    if unknown.any():
        raise ValueError(
            f"{int(unknown.sum()):,} invitations are by nobody in the table of customers who had joined by "
            f"{end:%Y-%m-%d}: add these customers, or leave their invitations out."
        )
    named = made.loc[made["customer_id"].notna()]
    if named["joined_at"].isna().any():
        raise ValueError(
            f"{int(named['joined_at'].isna().sum()):,} invitations say who joined, not when: give the time, or nobody."
        )
    if (named["inviter_id"] == named["customer_id"]).any():
        raise ValueError("A customer invites itself: leave such invitations out.")
    if (made["joined_at"] < made["invited_at"]).any():
        raise ValueError("Somebody joins before being invited: check the times of referrals.")


def _days(gap: ArrayLike) -> Floats:
    return np.asarray(np.asarray(gap) / _DAY, float)


class _Steps:
    """A mean cumulative function, sorted once, asked at many ages; units are customers, or months of joining."""

    def __init__(self, watched: Floats, by: Ints, at: Floats) -> None:
        order = np.sort(watched)
        self.watched, self.by, self.at = watched, by, at
        self.each = 1 / (len(watched) - np.searchsorted(order, at, side="left"))
        self.times, first = np.unique(at, return_inverse=True)
        jump = np.bincount(first, self.each, len(self.times))
        risk = len(watched) - np.searchsorted(order, self.times, side="left")
        self.level = np.append(0.0, np.cumsum(jump))
        self.drift = np.append(0.0, np.cumsum(jump / risk))
        self.until = np.searchsorted(self.times, watched, side="right")
        month = np.floor(watched / MONTH).astype(int)
        several = len(np.unique(month)) >= MONTHS
        self.unit = np.unique(month if several else np.arange(len(watched)), return_inverse=True)[1]
        self.units = int(self.unit.max()) + 1
        self.freedom = self.units - 1.0 if several else inf

    def value(self, age: float) -> float:
        """Return events a unit up to an age."""
        return float(self.level[np.searchsorted(self.times, age, side="right")])

    def influence(self, age: float) -> Floats:
        """Return each unit's part in the error of the value."""
        near = self.at <= age
        own = np.bincount(self.by[near], self.each[near], len(self.watched))
        end = int(np.searchsorted(self.times, age, side="right"))
        return np.asarray(own - self.drift[np.minimum(self.until, end)])

    def error(self, influence: Floats) -> float:
        """Return the standard error that goes with units' parts."""
        sums = np.bincount(self.unit, influence)
        return sqrt(float((sums**2).sum()) * self.units / (self.units - 1))


def _mean(watched: Floats, by: Ints, at: Floats, horizon: float, confidence: float) -> Rate:
    steps = _Steps(watched, by, at)
    error = steps.error(steps.influence(horizon))
    mean = steps.value(horizon)
    if mean == 0:
        return Rate(0.0, 0.0, 0.0, 0.0)
    half = critical(steps.freedom, confidence) * error / mean
    return Rate(mean, error, exp(log(mean) - half), exp(log(mean) + half))


def _share(found: Histories, horizon: float, confidence: float) -> Rate:
    """Return the share of invitations that bring somebody within the horizon; those of one customer are one unit.

    Kaplan and Meier's share; its error by each inviter's influence on the cumulative hazard.
    """
    waited = np.minimum(found.waited, horizon)
    hit = found.answered & (found.waited <= horizon)
    where = np.flatnonzero(hit)
    curve = kaplan_meier(waited, hit.astype(int), confidence=confidence)
    stay = float(curve.value[-1])
    own = _Steps(waited, where, waited[where]).influence(horizon)
    error = sqrt(float((np.bincount(found.invited_by, own) ** 2).sum()))  # of the cumulative hazard
    if not 0 < stay < 1:
        return Rate(1 - stay, stay * error, 1 - stay, 1 - stay)
    half = critical(inf, confidence) * error / -log(stay)  # log(-log): the interval stays within 0 and 1
    fewer, more = (stay ** exp(side * half) for side in (-1, 1))
    return Rate(1 - stay, stay * error, 1 - fewer, 1 - more)


def _generation(watched: Floats, by: Ints, at: Floats, horizon: float, confidence: float) -> Rate:
    """Return the median age at which those who join within the horizon do."""
    steps = _Steps(watched, by, at)
    times = steps.times[steps.times <= horizon]
    grid = times if len(times) <= 200 else times[np.linspace(0, len(times) - 1, 200).astype(int)]
    half, end = steps.value(horizon) / 2, steps.influence(horizon) / 2
    median = float(times[int(np.argmax(steps.level[1 : len(times) + 1] >= half * (1 - 1e-12)))])
    inside = [median]
    for age in grid:
        error = steps.error(steps.influence(float(age)) - end)
        if abs(steps.value(float(age)) - half) <= critical(steps.freedom, confidence) * error:
            inside.append(float(age))
    low, high = min(inside), max(inside)
    return Rate(median, (high - low) / (2 * critical(inf, confidence)), low, high)
