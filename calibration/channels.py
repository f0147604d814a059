"""Generators of the studies of what channels bring, each with its truth; seeds are fixed in `STUDIES`, at the end.

Truth is that of the population the customers, regions or creators are drawn from; nothing here reads a dataset.
"""

from __future__ import annotations

from collections.abc import Callable
from math import exp, inf

import numpy as np
import pandas as pd

from growth.channels import calibrate, creators, geo, holdout, referral, response
from growth.stats.contrast import Ratio, estimate

ADS = 0.3  # orders a customer reached
BRINGS = np.array([0.25, 0.0, 0.2])  # orders a customer, channels alone
TOGETHER = 0.2  # more, where the first and the last are both there
HELD = np.array([0.5, 0.2, 0.1])
CREDIT = np.array([3000.0, 900.0, 1500.0])


def one_holdout(seed: int) -> dict[str, bool]:
    """Do the total of a holdout and the effect on those reached hold the truth, with a fifth held out?

    1,500 customers of uneven taste; the keen are reached more often. Orders of before take noise away.
    """
    random = np.random.default_rng(seed)
    n = 1500
    keen = random.gamma(1.5, 0.6, n)
    shown = np.zeros(n, int)
    shown[random.permutation(n)[: n * 4 // 5]] = 1
    reached = shown * (random.random(n) < 0.2 + 0.5 * (1 - np.exp(-keen)))
    orders = random.poisson(keen + ADS * reached)
    frame = pd.DataFrame(dict(ads=shown, reached=reached, orders=orders, before=random.poisson(2 * keen)))
    held, own = holdout.arms(frame, "ads", ["orders", "reached", "before"])
    total = holdout.intention_to_treat(held, own, "orders", "ads", ["before"], 0.2).total
    truth = n * ADS * (0.2 + 0.5 * (1 - (1 + 0.6) ** -1.5))
    effect = holdout.exposed(held, own, "orders", "reached", "ads", ["before"], 0.2).effect
    return {
        "holdout's total": bool(total.low <= truth <= total.high),
        "effect on those reached": effect.holds(ADS),
    }


def _three_channels(seed: int, n: int = 3000) -> holdout.Factorial:
    """Three channels by independent lots of exact size; the first and the last help each other."""
    random = np.random.default_rng(seed)
    shown = np.ones((n, 3), int)
    for j, share in enumerate(HELD):
        shown[random.permutation(n)[: int(n * share)], j] = 0
    keen = random.gamma(1.5, 0.6, n)
    mean = keen + shown @ BRINGS + TOGETHER * shown[:, 0] * shown[:, 2]
    names = ["ads", "search", "creator"]
    frame = pd.DataFrame(shown, columns=names)
    frame = frame.assign(orders=random.poisson(mean), before=random.poisson(2 * keen))
    cells = holdout.cells(frame, names, ["orders", "before"])
    return holdout.factorial(cells, names, "orders", ["before"], HELD.tolist())


def _brought(n: int = 3000) -> np.ndarray:
    more = TOGETHER * np.array([1 - HELD[2], 0.0, 1 - HELD[0]])
    return n * (BRINGS + more)


def several_channels(seed: int) -> dict[str, bool]:
    """Do totals of channels tested at once hold the truth, others as they ran; and their over-claims?

    Where lots of exact size make combinations that separate lots would not (1 in 1,000), the next is drawn.
    """
    found = None
    for again in range(20):
        try:
            found = _three_channels(seed + again * 1_000_000_007)
            break
        except ValueError as error:
            if "not independent" not in str(error):
                raise
    assert found is not None
    truth = _brought()
    hits = {
        f"total of {c}, at once": bool(e.low <= t <= e.high)
        for c, e, t in zip(found.channels, found.total, truth, strict=True)
    }
    one = calibrate.over_claim(float(CREDIT[0]), found.total[0])
    every: Ratio = calibrate.over_claim_together(CREDIT.tolist(), found.total, found.covariance)
    hits["over-claim of one"] = one.holds(float(CREDIT[0] / truth[0]))
    hits["over-claim of all"] = every.holds(float(CREDIT.sum() / truth.sum()))
    return hits


def many_regions(seed: int) -> dict[str, bool]:
    """Does the interval of a test of 20 regions against 20 hold the mean effect, errors hanging together in time?

    Effects differ among regions; the truth is their mean in the population.
    """
    random = np.random.default_rng(seed)
    n, t, start = 40, 26, 18
    noise = np.zeros((t, n))
    for i in range(1, t):
        noise[i] = 0.6 * noise[i - 1] + random.normal(size=n)
    names = [f"r{i}" for i in range(n)]
    panel = pd.DataFrame(50 + 5 * random.normal(size=n) + random.normal(size=(t, 1)) + noise, columns=names)
    shown = [names[i] for i in sorted(random.permutation(n)[:20])]
    panel.loc[start:, shown] += 2 + random.normal(size=20)
    found = geo.drawn(panel, shown, [r for r in names if r not in set(shown)], start).everywhere
    return {"20 regions against 20": bool(found.low <= 2 * n * (t - start) <= found.high)}


def nothing_in_few_regions(seed: int) -> dict[str, bool]:
    """How often do the tests of a synthetic region say there is something where there is nothing?

    Regions share three factors; the tested one is like a mean of five others. Gaps of two kinds: each by itself, and
    each half of the one before, for which only shifts of time are made.
    """
    hits = {}
    for name, memory in (("gaps alone", 0.0), ("gaps in a row", 0.5)):
        random = np.random.default_rng([seed, int(10 * memory)])
        factors, loads = random.normal(size=(3, 60)), random.normal(size=(21, 3))
        loads[0] = random.dirichlet(np.ones(5)) @ loads[1:6]
        noise = random.normal(size=(21, 80))
        for i in range(1, 80):
            noise[:, i] += memory * noise[:, i - 1]
        y = loads @ factors + noise[:, 20:]
        gaps = geo.null_gaps(y[1:], y[0], 50)
        hits[f"anything, shifts, {name}"] = geo.p_of_shifts(np.abs(gaps), 50) <= 0.05
        hits[f"mean, shifts, {name}"] = geo.p_of_shifts(gaps, 50) <= 0.05
        if not memory:
            hits["anything, all orders, gaps alone"] = geo.p_of_orders(np.abs(gaps), 50) <= 0.05
    return hits


def share_of_a_series(seed: int) -> dict[str, bool]:
    """Does the interval of a channel's share of 150 weeks hold it, for two channels?"""
    random = np.random.default_rng(seed)
    n = 150
    spend = pd.DataFrame(dict(tv=random.gamma(1, 50, n), web=random.gamma(2, 20, n)))
    tv = 40 * np.tanh(1.5 * response.adstock(spend["tv"].to_numpy(), 0.5, 8) / 200)
    web = 25 * np.tanh(response.adstock(spend["web"].to_numpy(), 0.1, 8) / 60)
    y = pd.Series(100 + tv + web + 3 * random.normal(size=n))
    found = response.fit(spend, y, seed, settings=response.Settings(draws=99)).shares
    truth = np.array([tv.sum(), web.sum()]) / y.sum()
    return {
        f"share of {c}, weeks": bool(low <= t <= high)
        for c, low, high, t in zip(found["channel"], found["low"], found["high"], truth, strict=True)
    }


def share_of_a_panel(seed: int) -> dict[str, bool]:
    """Does the interval of a channel's share hold it, from 30 regions and 40 weeks whose errors hang together?"""
    random = np.random.default_rng(seed)
    t, r = 40, 30
    week, level = random.normal(size=t), random.normal(size=r)
    ads = np.exp(0.5 * week[:, None] + 0.3 * level + 0.7 * random.normal(size=(t, r)))
    noise = random.normal(size=(t, r))
    for i in range(1, t):
        noise[i] += 0.4 * noise[i - 1]
    brought = 6 * np.tanh(0.5 * response.adstock(ads, 0.3, 8))
    y = 20 + 3 * week[:, None] + 2 * level + brought + noise
    grid = pd.MultiIndex.from_product([range(t), range(r)], names=["week", "region"])
    frame = pd.DataFrame(dict(ads=ads.ravel(), y=y.ravel()), index=grid).reset_index()
    setting = response.Settings(draws=99)
    found = response.fit_panel(frame, ["ads"], "y", "region", "week", seed, settings=setting).shares
    return {"share, regions": bool(found["low"][0] <= brought.sum() / y.sum() <= found["high"][0])}


def uneven_months(seed: int) -> dict[str, bool]:
    """As `word_of_mouth`, over two years in which some months' customers invite more than others'."""
    held = word_of_mouth(seed, n=1500, span=720.0, sway=0.3)
    return {f"{name}, uneven months": held[name] for name in ("K", "invitations a customer")}


def word_of_mouth(seed: int, n: int = 500, span: float = 300.0, sway: float = 0.0) -> dict[str, bool]:
    """Do the intervals of K and of what it is made of hold, with customers of every age and uneven inviters?

    Each customer invites for 60 days, half of those invited join after an exponential wait of mean 20. `sway` is the
    standard deviation, of the mean, of what customers of a month invite.
    """
    random = np.random.default_rng(seed)
    horizon = 90.0
    watched = random.uniform(5, span, n)
    month = random.gamma(sway**-2, sway**2, int(span / 30) + 1)[(watched / 30).astype(int)] if sway else 1.0
    many = random.poisson(random.gamma(1.5, 1.2 / 1.5, n) * month)
    by = np.repeat(np.arange(n), many)
    at = random.uniform(0, 60, len(by))
    wait = np.where(random.random(len(by)) < 0.5, random.exponential(20, len(by)), inf)
    seen = at < watched[by]
    by, at, wait = by[seen], at[seen], wait[seen]
    left = watched[by] - at
    joined = wait < left
    found = referral.spread(
        referral.Histories(
            watched, by, at, by[joined], (at + wait)[joined], np.where(joined, wait, left), joined
        ),
        horizon,
    )

    def arrived(age: float) -> float:
        """The mean over ages of inviting, uniform on 0 to 60, of 1 - exp(-wait / 20)."""
        end = min(age, 60.0)
        return (end - 20 * exp(-age / 20) * (exp(end / 20) - 1)) / 60

    low, high = 0.0, horizon
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if arrived(middle) < arrived(horizon) / 2 else (low, middle)
    truth = {
        "K": (found.k, 1.2 * 0.5 * arrived(horizon)),
        "invitations a customer": (found.invites, 1.2),
        "share that joins": (found.share, 0.5 * (1 - exp(-horizon / 20))),
        "median generation": (found.generation, low),
    }
    return {name: bool(rate.low <= value <= rate.high) for name, (rate, value) in truth.items()}


def shrunk_creators(seed: int) -> dict[str, bool]:
    """Does the interval of a creator drawn at random hold its true return: of one measured, and of one that is new?"""
    random = np.random.default_rng(seed)
    n = 40
    z = random.normal(size=(n, 4))
    truth = 300 + z @ [250.0, -200, 80, 60] + 120 * random.normal(size=n)
    people = pd.DataFrame(z, columns=list(creators.FEATURES)).assign(creator=np.arange(n), cost=100.0)
    error = random.uniform(100, 400, n)
    own = pd.DataFrame(
        dict(creator=np.arange(n), campaigns=1, estimate=truth + error * random.normal(size=n), error=error)
    )
    table = creators.score(people, own.head(30)).table.set_index("creator")
    hits = {}
    for name, among in (("measured", np.arange(30)), ("new", np.arange(30, n))):
        one = int(random.choice(among))
        hits[f"return of a creator, {name}"] = bool(
            table.loc[one, "low"] <= truth[one] <= table.loc[one, "high"]
        )
    return hits


def paid_channels(seed: int) -> dict[str, bool]:
    """Do the interval of a channel that no test measured, and of the total of all, hold: five measured, three not?

    What channels bring for each order credited differs from channel to channel, by a normal law.
    """
    random = np.random.default_rng(seed)
    credit = np.array([5000.0, 2000, 3000, 1500, 4000, 1000, 2500, 800])
    truth = credit * (0.3 + 0.12 * random.normal(size=8))
    error = np.array([300.0, 200, 250, 150, 400])
    names = [f"c{i}" for i in range(8)]
    found = [
        calibrate.Measured(c, "user test", estimate(float(v + e * random.normal()), float(e), inf))
        for c, v, e in zip(names, truth, error, strict=False)
    ]
    frame = pd.DataFrame(dict(channel=names, paid=True, credit=credit, spend=1000.0))
    made = calibrate.table(frame, found)
    own = made.rows.set_index("channel").loc["c6"]
    assert made.total is not None
    return {
        "channel not measured": bool(own["orders_low"] <= truth[6] <= own["orders_high"]),
        "total of paid channels": bool(made.total.low <= truth.sum() <= made.total.high),
    }


CONTRAST = ("growth.stats.contrast", "growth.stats.moments", "growth.stats.adjust")
HOLDOUT = ("growth.channels.holdout", *CONTRAST)
CALIBRATE = ("growth.channels.calibrate", "growth.channels.meta")
GEO = ("growth.channels.geo",)


# name: draw, modules judged, seed, "covered" or "false", replicates
def uneven_regions(seed: int) -> dict[str, bool]:
    """Does the interval hold what a channel brought to regions of very different size, drawn by lot?

    Forty regions, 26 weeks before and 8 in the test; a region's weeks hang together, and the channel is a tenth.
    """
    random = np.random.default_rng(seed)
    regions, weeks, start = 40, 34, 26
    size = 30 * np.exp(0.8 * random.normal(size=regions))
    luck = np.zeros((weeks, regions))
    for w in range(1, weeks):
        luck[w] = 0.7 * luck[w - 1] + 0.05 * random.normal(size=regions)
    season = 0.2 * random.normal(size=weeks)
    held = random.permutation(regions)[: regions // 2]
    mean = size * np.exp(luck + season[:, None])
    shown = np.setdiff1d(np.arange(regions), held)
    mean[start:, held] *= 0.9
    frame = pd.DataFrame(random.poisson(mean), columns=[f"r{i}" for i in range(regions)])
    found = geo.relative(frame, [f"r{i}" for i in shown], [f"r{i}" for i in held], start).incremental
    expected = float(size[shown].sum() * np.exp(season[start:]).sum()) * 0.1
    expected *= exp(0.5 * 0.05**2 / (1 - 0.49))  # of the log-normal luck, at rest
    return {"growth of uneven regions": bool(found.low <= expected <= found.high)}


STUDIES: dict[str, tuple[Callable[[int], dict[str, bool]], tuple[str, ...], int, str, int]] = {
    "a channel held out": (one_holdout, HOLDOUT, 130_000_000, "covered", 2000),
    "channels at once": (several_channels, (*HOLDOUT, *CALIBRATE), 131_000_000, "covered", 2000),
    "regions by lot": (many_regions, (*GEO, *CONTRAST), 132_000_000, "covered", 2000),
    "uneven regions by lot": (uneven_regions, (*GEO, *CONTRAST), 139_000_000, "covered", 2000),
    "nothing in few regions": (nothing_in_few_regions, GEO, 133_000_000, "false", 2000),
    "share of a series": (share_of_a_series, ("growth.channels.response",), 134_000_000, "covered", 400),
    "share of a panel": (share_of_a_panel, ("growth.channels.response",), 135_000_000, "covered", 400),
    "word of mouth": (word_of_mouth, ("growth.channels.referral",), 136_000_000, "covered", 2000),
    "word of mouth, uneven months": (
        uneven_months,
        ("growth.channels.referral",),
        139_000_000,
        "covered",
        2000,
    ),
    "creators": (
        shrunk_creators,
        ("growth.channels.creators", "growth.channels.meta"),
        137_000_000,
        "covered",
        400,
    ),
    "paid channels": (paid_channels, CALIBRATE, 138_000_000, "covered", 2000),
}
