"""From answers to what all people would say: one survey, checked against its codebook and weighted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
import pandas as pd

from growth.market import choices, codebook, crosstabs, kano, prices, segments
from growth.market.codebook import Checked
from growth.market.estimates import Design, promoters, share
from growth.market.weights import Variables, Weights, rake
from growth.stats.contrast import critical

PROFILE, ATTITUDE, RECOMMEND = "profile", "attitude", "brand_recommend"
STAGES = ("aware", "consider", "bought", "loyal")
AGREE = 4  # of 1 to 5, from this on
NAMES = ("surveyed", "said", "codebook", "tasks", "notes", "population", "market_stats")
COLUMNS = dict(needs=choices.needs, offers=choices.offers)  # what tasks of a kind are made of
ADULTS, FACTORS = "adults", (
    "people who buy online", "spend on such goods a buyer", "part that our assortment serves"
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Survey:
    """A survey that can be read.

    Parameters
    ----------
    people : DataFrame
        A row a respondent that is used, by id: the profile, and ``stratum``.
    asked, answered : int
        People asked, and those who answered.
    checked : Checked
    weights : Weights
    design : Design
        Of `people`, in their order.
    unweighted : str
        Why weights are those of the draw alone; empty where they are raked.
    """

    people: pd.DataFrame
    asked: int
    answered: int
    checked: Checked
    weights: Weights
    design: Design
    unweighted: str

    def wide(self, question: str) -> pd.DataFrame:
        """Return a question's values: a row a respondent, a column an item, missing where not answered."""
        own = self.checked.answers[self.checked.answers["question"] == question]
        found = own.pivot(index="respondent_id", columns="item", values="value")
        return found.reindex(self.people.index).astype(float)

    def asked_of(self, question: str) -> pd.DataFrame:
        """Return a question's values as `wide` does.

        Raises
        ------
        ValueError
            If the survey does not ask it.
        """
        found = self.wide(question)
        if found.empty:
            raise ValueError(f"the survey does not ask {question}")
        return found


def survey(
    surveyed: pd.DataFrame, said: pd.DataFrame, book: pd.DataFrame, people: pd.DataFrame | None, params: Any
) -> Survey:
    """Return the last wave, checked and weighted.

    Parameters
    ----------
    surveyed, said, book, people : DataFrame
        The marts ``surveyed, said, codebook, population``; the last may be missing.
    params : Params
        ``largest_weight``.

    Raises
    ------
    ValueError
        If nobody's answers can be used.
    """
    last = surveyed.sort_values(["asked", "wave"])["wave"].iloc[-1]
    rows = surveyed[surveyed["wave"] == last].set_index("respondent_id").sort_index()
    answers = said[said["wave"] == last].drop(columns="wave")
    told = rows[rows["answered"]]
    checked = codebook.check(answers, book, told["seconds"].astype(float))
    used = told[~told.index.isin(checked.dropped)]
    if used.empty:
        raise ValueError("Nobody's answers can be used.")
    own = checked.answers[checked.answers["question"] == PROFILE]
    profile = own.pivot(index="respondent_id", columns="item", values="option").reindex(used.index)
    weights, why = _weighted(profile, used, people, params.largest_weight)
    strata = None if used["stratum"].isna().any() else pd.factorize(used["stratum"], sort=True)[0]
    clusters = None if used["cluster"].isna().any() else pd.factorize(used["cluster"], sort=True)[0]
    design = Design(weights.values, weights.base, weights.cells, strata, clusters)
    both = profile.assign(stratum=used["stratum"])
    return Survey(both, len(rows), len(told), checked, weights, design, why)


def survey_of(has: Mapping[str, pd.DataFrame | None], params: Any) -> Survey:
    """Return the survey of a dataset's marts (`survey`)."""
    surveyed, said, book = (has[n] for n in ("surveyed", "said", "codebook"))
    if surveyed is None or said is None or book is None or surveyed.empty:
        raise ValueError("the dataset has no survey with a codebook")
    return survey(surveyed, said, book, has["population"], params)


def composition(s: Survey, people: pd.DataFrame | None) -> pd.DataFrame:
    """Return ``variable, level, respondents, raw, weighted, population``: shares by level of the profile."""
    known: dict[tuple[str, str], float] = {}
    if people is not None:
        for first, second in (("variable", "level"), ("variable_2", "level_2")):
            own = people[people[first] != ""].groupby([first, second])["people"].sum()
            known |= {(str(k[0]), str(k[1])): float(v) for k, v in own.items() if isinstance(k, tuple)}
    rows = []
    for item in map(str, s.people.columns.drop("stratum")):
        whole = sum(v for (variable, _), v in known.items() if variable == item)
        for level in sorted(s.people[item].dropna().unique()):
            hits = (s.people[item] == level).to_numpy(float)
            true = known.get((item, str(level)), np.nan) / whole if whole else np.nan
            weighted = float(hits @ s.design.weights / s.design.weights.sum())
            rows.append(dict(variable=item, level=level, respondents=int(hits.sum()), raw=hits.mean(),
                             weighted=weighted, population=true))  # fmt: skip
    return pd.DataFrame(rows)


def _weighted(
    profile: pd.DataFrame, used: pd.DataFrame, people: pd.DataFrame | None, most: float | None
) -> tuple[Weights, str]:
    given = np.asarray(used["base_weight"], float)
    base = np.asarray(given if np.isfinite(given).all() and (given > 0).all() else np.ones(len(used)), float)
    plain = Weights(base, base, (), 0, 0)
    if people is None or people.empty:
        return plain, "the dataset has no table population"
    try:
        return rake(profile, margins(people), base, most), ""
    except ValueError as error:
        return plain, str(error)


def margins(people: pd.DataFrame) -> dict[Variables, pd.Series]:
    """Return the margins of a population as `growth.market.weights.rake` takes them."""
    found: dict[Variables, pd.Series] = {}
    for (first, second), own in people.groupby(["variable", "variable_2"], sort=True):
        if second:
            index = pd.MultiIndex.from_frame(own[["level", "level_2"]])
            found[(str(first), str(second))] = pd.Series(own["people"].to_numpy(float), index)
        else:
            found[(str(first),)] = pd.Series(own["people"].to_numpy(float), pd.Index(own["level"]))
    return found


def agreement(s: Survey, book: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Return who agrees with each statement: ``item, wording, raw, share, low, high, people``."""
    wide = s.asked_of(ATTITUDE)
    wording = book[book["question"] == ATTITUDE].set_index("item")["english"]
    rows = []
    for item in wide:
        hits = (wide[item] >= AGREE).where(wide[item].notna()).astype(float)
        found = share(hits, s.design, None, confidence)
        rows.append(
            dict(item=item, wording=wording.get(item, item), raw=float(hits.mean()), share=found.value, low=found.low,
                 high=found.high, people=int(hits.notna().sum()))
        )  # fmt: skip
    return pd.DataFrame(rows).sort_values("share", ascending=False, ignore_index=True)


def funnel(s: Survey, confidence: float) -> pd.DataFrame:
    """Return the share of all people at every stage with each brand.

    Columns: ``brand, stage, share, low, high, people, onward`` (of the stage before).
    """
    rows = []
    wide = {stage: s.asked_of(stage) for stage in STAGES}
    for brand in wide[STAGES[0]]:
        before = np.nan
        for stage in STAGES:
            hits = (
                (wide[stage][brand] == 1).astype(float)
                if brand in wide[stage]
                else pd.Series(0.0, s.people.index)
            )
            found = share(hits, s.design, None, confidence)
            rows.append(
                dict(brand=brand, stage=stage, share=found.value, low=found.low, high=found.high,
                     people=int(hits.sum()), onward=found.value / before if before else np.nan)
            )  # fmt: skip
            before = found.value
    return pd.DataFrame(rows)


def recommended(s: Survey, fewest: int, confidence: float) -> pd.DataFrame:
    """Return net promoters by brand among those who bought there: ``brand, points, low, high, people``."""
    wide = s.wide(RECOMMEND)
    rows = []
    for brand in wide:
        people = int(wide[brand].notna().sum())
        if people >= fewest:
            found = promoters(wide[brand], s.design, None, confidence)
            rows.append(dict(brand=brand, points=found.value, low=found.low, high=found.high, people=people))
    return pd.DataFrame(rows, columns=["brand", "points", "low", "high", "people"])


def differences(s: Survey) -> pd.DataFrame:
    """Test every statement against every part of the profile (`growth.market.crosstabs.differences`)."""
    wide = s.wide(ATTITUDE)
    agrees = (wide >= AGREE).where(wide.notna())
    return crosstabs.differences(agrees, s.people.drop(columns="stratum"), s.design)


def features(s: Survey, confidence: float) -> pd.DataFrame:
    """Return what features are to people (`growth.market.kano.features`)."""
    return kano.features(
        kano.classified(s.asked_of("kano_with"), s.asked_of("kano_without")), s.design, confidence
    )


def chosen(s: Survey, tasks: pd.DataFrame, kind: str) -> tuple[choices.Choice, pd.DataFrame]:
    """Return the worth of needs or of offers' parts, weighted, and the tasks it rests on."""
    own = tasks[(tasks["kind"] == kind) & tasks["respondent_id"].isin(s.people.index)]
    own = own.sort_values(["respondent_id", "task", "alternative"], ignore_index=True)
    if own.empty:
        raise ValueError(f"no respondent who is used has tasks of {kind}")
    x, situation, best, who, names = COLUMNS[kind](own)
    people = own["respondent_id"].astype("category").cat.categories
    weight = pd.Series(s.design.weights, s.people.index).reindex(people).to_numpy(float)
    return choices.fit(x, situation, best, who, names, weight[who]), own


def needs(s: Survey, tasks: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Return how often each need would come first of all: ``need, share, low, high``."""
    found, own = chosen(s, tasks, "needs")
    design = np.vstack([np.zeros(len(found.names)), np.eye(len(found.names))])
    table = found.shares(design, confidence).assign(need=[min(own["levels"]), *found.names])
    return table[["need", "share", "low", "high"]].sort_values("share", ascending=False, ignore_index=True)


def offers(s: Survey, tasks: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Return what each part of an offer is worth: ``part, money, low, high`` (in the price's currency)."""
    found, _own = chosen(s, tasks, "offers")
    rows = []
    for name in found.names[:-2]:
        ratio = found.in_money(name, found.names[-2], confidence)
        rows.append(dict(part=name, money=100 * ratio.value, low=100 * ratio.low, high=100 * ratio.high))
    return pd.DataFrame(rows).sort_values("money", ascending=False, ignore_index=True)


def factors(stats: pd.DataFrame | None, people: pd.DataFrame | None) -> pd.DataFrame:
    """Return the factors of the market's size in millions a year: ``factor, value, low, high``.

    Raises
    ------
    ValueError
        If a factor, or the population, is not there.
    """
    if stats is None:
        raise ValueError("the dataset has no table market_stats")
    last = stats.sort_values("year").groupby("name").last()
    lacking = [f for f in FACTORS if f not in last.index]
    if lacking or people is None or people.empty:
        raise ValueError(f"it needs the population and market_stats of {', '.join(lacking) or 'its factors'}")
    first = people.groupby(["variable", "variable_2"])["people"].sum().iloc[0] / 1e6
    own = last.loc[list(FACTORS), ["value", "low", "high"]].astype(float).reset_index()
    top = pd.DataFrame([dict(name=ADULTS, value=first, low=first * 0.999, high=first * 1.001)])
    return pd.concat([top, own], ignore_index=True).rename(columns=dict(name="factor"))


@dataclass(frozen=True, eq=False)
class Found:
    """Segments with the respondents they are made of.

    Parameters
    ----------
    clusters : Segments
    types : Types
    names : dict of int to str
        Cluster -> its leading topic, numbered where two share one.
    member : Series
        Name of the segment, by respondent.
    sizes : DataFrame
        ``segment, share, low, high, people``.
    tool : list of str
        The few items that tell segments, best first.
    right, others : int
        Respondents left out whom these put right, and all left out; 0 where there are no segments.
    """

    clusters: segments.Segments
    types: segments.Types
    names: Mapping[int, str]
    member: pd.Series
    sizes: pd.DataFrame
    tool: list[str]
    right: int
    others: int


def segmented(s: Survey, book: pd.DataFrame, params: Any) -> Found:
    """Return the segments of those who answered every statement, named by what leads in them."""
    wide = s.asked_of(ATTITUDE).dropna()
    own = book[(book["question"] == ATTITUDE) & book["item"].isin(wide.columns)]
    turned = list(own.loc[own["reversed"].fillna(False).astype(bool), "item"])
    found = segments.find(wide.to_numpy(), params.seed)
    types = segments.types(wide, dict(zip(own["item"], own["topic"], strict=True)), turned)
    names = _named(found.member, types.scores)
    member = pd.Series([names[k] for k in found.member], wide.index)
    rows = []
    for name in names.values():
        hits = (member == name).reindex(s.people.index).astype(float)
        size = share(hits, s.design, None, params.confidence)
        people = int(hits.sum())
        rows.append(dict(segment=name, share=size.value, low=size.low, high=size.high, people=people))
    tool = ([], 0, 0) if found.number == 1 else segments.typing_tool(wide, found.member, params.seed)
    return Found(found, types, names, member, pd.DataFrame(rows), *tool)


def _named(member: np.ndarray, scores: pd.DataFrame) -> dict[int, str]:
    if member.max() == 0:
        return {0: "everybody"}
    names: dict[int, str] = {}
    for k in range(int(member.max()) + 1):
        topic = str(scores[member == k].mean().idxmax())
        again = sum(n.split(" (")[0] == topic for n in names.values())
        names[k] = topic if not again else f"{topic} ({again + 1})"
    return names


def next_wave(s: Survey, half: float, confidence: float) -> dict[str, float]:
    """Return how many must answer, and be asked, for a share's interval of half width `half`.

    Notes
    -----
    n = deff z² / (4 half²) at a share of a half, the worst; deff is Kish's of this survey.
    """
    z = critical(np.inf, confidence)
    effect = s.weights.design_effect
    answer = ceil(effect * z**2 * 0.25 / half**2)
    return dict(answer=answer, ask=ceil(answer * s.asked / max(len(s.people), 1)), effect=effect)


def four_prices(s: Survey, params: Any) -> prices.Sensitivity:
    """Return the price points (`growth.market.prices.sensitivity`)."""
    return prices.sensitivity(
        s.asked_of("price").reindex(columns=list(prices.FOUR)), s.design.weights, params.seed, params.replicates,
        params.confidence,
    )  # fmt: skip


def demand(s: Survey, params: Any) -> prices.Demand:
    """Return demand at the prices asked (`growth.market.prices.demand`)."""
    return prices.demand(
        s.asked_of("buy_at"), s.design.weights, params.seed, params.replicates, params.confidence
    )
