"""What a creator or a livestream is worth: few, noisy campaigns drawn towards what the audience is like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from growth.channels import meta
from growth.stats.contrast import check_confidence
from growth.stats.moments import Floats

FEATURES = ("audience_match", "suspicious", "tone", "log_followers")


@dataclass(frozen=True, eq=False)
class Scores:
    """Creators, best first.

    Parameters
    ----------
    table : DataFrame
        A row a creator: ``creator, campaigns, estimate, error`` (its own, missing where none was measured), ``expected,
        low, high`` (incremental return of its next campaign, in money), ``own`` (weight of its own estimate), ``cost,
        covers`` (probability that the return exceeds the cost), ``worth`` (expected less cost), ``rank``.
    coefficients : Series
        By feature, in money for one standard deviation of it, and the constant.
    spread : float
        Of true returns about the regression, in money.
    left_out : tuple of str
        Features that do not vary, or of which too few creators were measured.
    confidence : float
    """

    table: pd.DataFrame
    coefficients: pd.Series
    spread: float
    left_out: tuple[str, ...]
    confidence: float


def own(campaigns: pd.DataFrame) -> pd.DataFrame:
    """Return each creator's mean incremental return a campaign, and its error.

    Parameters
    ----------
    campaigns : DataFrame
        A row a measured campaign: ``creator, estimate, error`` (incremental return in money, its standard error).

    Returns
    -------
    DataFrame
        ``creator, campaigns, estimate, error``; a plain mean, its error from those of the campaigns alone.

    Raises
    ------
    ValueError
        If a value is missing or an error is not positive.
    """
    _needs(campaigns, ("creator", "estimate", "error"), "campaigns")
    rows = campaigns[["creator", "estimate", "error"]]
    if rows["creator"].isna().any():
        raise ValueError(f"{int(rows['creator'].isna().sum()):,} campaigns have no creator: leave them out.")
    numbers = rows[["estimate", "error"]].to_numpy(float)
    if not np.isfinite(numbers).all() or (numbers[:, 1] <= 0).any():
        raise ValueError(
            "Every campaign needs a finite estimate and a positive error: leave out unmeasured ones."
        )
    grouped = rows.assign(square=rows["error"] ** 2).groupby("creator", sort=True)
    table = grouped.agg(
        campaigns=("estimate", "size"), estimate=("estimate", "mean"), error=("square", "sum")
    )
    table["error"] = np.sqrt(table["error"]) / table["campaigns"]
    return table.reset_index()


def score(
    creators: pd.DataFrame,
    measured: pd.DataFrame,
    features: Sequence[str] = FEATURES,
    confidence: float = 0.95,
) -> Scores:
    """Return every creator's expected incremental return, with its interval and the chance that it covers its cost.

    Parameters
    ----------
    creators : DataFrame
        A row a creator: ``creator, cost`` (of its next campaign, money) and the features; ``log_followers`` is made of
        ``followers`` where it is not there.
    measured : DataFrame
        As `own` returns it. Creators without a row are scored by their features alone.
    features : sequence of str
    confidence : float

    Returns
    -------
    Scores
        Ranked by what is expected above the cost. The interval is that of the creator's true return, on average over
        creators; the one that comes out best is likely to do a little less well than a naive look says, and drawing it
        towards the others is what allows for that.

    Raises
    ------
    ValueError
        If a value is missing, a creator is there twice or unknown, or too few were measured.

    Notes
    -----
    Normal-normal meta-regression, spread integrated out; see `meta.fit`. Shares and tone enter as they are, followers
    as log(1 + followers), all in standard deviations over the creators measured.
    """
    check_confidence(confidence)
    people = _people(creators, features)
    rows = people.merge(_checked(people, measured), on="creator", how="left", validate="one_to_one")
    known = rows["error"].notna().to_numpy()
    design, used, left = _design(rows, known, features)
    found = meta.fit(rows.loc[known, "estimate"], rows.loc[known, "error"], design[known])
    error = np.where(known, rows["error"].to_numpy(float), np.inf)
    belief = meta.believe(found, rows["estimate"].to_numpy(float), error, design)
    side = (1 - confidence) / 2
    cost = rows["cost"].to_numpy(float)
    table = pd.DataFrame(
        dict(
            creator=rows["creator"], campaigns=rows["campaigns"].fillna(0).astype(int), estimate=rows["estimate"],
            error=rows["error"], expected=belief.expected, low=belief.quantile(side), high=belief.quantile(1 - side),
            own=belief.own, cost=cost, covers=belief.above(cost), worth=belief.expected - cost,
        )
    ).sort_values(["worth", "creator"], ascending=[False, True], ignore_index=True)  # fmt: skip
    table["rank"] = np.arange(1, len(table) + 1)
    slopes = pd.Series(found.coefficients, index=["constant", *used])
    return Scores(table, slopes, found.spread, tuple(left), confidence)


def _needs(frame: pd.DataFrame, columns: Sequence[str], what: str) -> None:
    missing = [c for c in columns if c not in frame]
    if missing:
        raise ValueError(f"The table of {what} has no column `{missing[0]}`.")


def _people(creators: pd.DataFrame, features: Sequence[str]) -> pd.DataFrame:
    people = creators
    if "log_followers" in features and "log_followers" not in people and "followers" in people:
        if (people["followers"] < 0).any():
            raise ValueError("A creator has fewer than 0 followers: mend the table of creators.")
        people = people.assign(log_followers=np.log1p(people["followers"].astype(float)))
    _needs(people, ("creator", "cost", *features), "creators")
    if people["creator"].duplicated().any():
        twice = people.loc[people["creator"].duplicated(), "creator"].iloc[0]
        raise ValueError(f"Creator {twice} is there twice: keep one row each.")
    numbers = people[["cost", *features]].astype(float)
    holes = pd.Series((~np.isfinite(numbers.to_numpy())).sum(axis=0), index=numbers.columns)
    if holes.any():
        column = str(holes.idxmax())
        raise ValueError(
            f"{int(holes[column]):,} creators have no `{column}`: look it up, leave them out, or leave it out."
        )
    if (numbers["cost"] < 0).any():
        raise ValueError("A creator costs less than nothing: mend the table of creators.")
    return people.reset_index(drop=True)


def _checked(people: pd.DataFrame, measured: pd.DataFrame) -> pd.DataFrame:
    _needs(measured, ("creator", "campaigns", "estimate", "error"), "measured creators")
    unknown = measured.loc[~measured["creator"].isin(people["creator"]), "creator"]
    if len(unknown):
        raise ValueError(
            f"{len(unknown):,} measured creators are not in the table of creators, {unknown.iloc[0]} first."
        )
    return measured[["creator", "campaigns", "estimate", "error"]]


def _design(
    rows: pd.DataFrame, known: NDArray[np.bool_], features: Sequence[str]
) -> tuple[Floats, list[str], list[str]]:
    """Return constant and features, as many as the measured creators can tell apart."""
    used: list[str] = []
    left: list[str] = []
    columns = [np.ones(len(rows))]
    room = int(known.sum()) - 3  # a constant, a spread and one more
    for name in features:
        values = rows[name].to_numpy(float)
        among = values[known]
        if (
            len(used) >= room
            or len(among) < 2
            or np.ptp(among) <= 1e-12 * max(1.0, float(np.abs(among).max()))
        ):
            left.append(name)
            continue
        columns.append((values - among.mean()) / among.std())
        used.append(name)
    return np.column_stack(columns), used, left
