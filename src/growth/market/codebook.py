"""Answers against the codebook: what may not be, what should have been skipped, and who did not read the questions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

ILLEGAL, UNKNOWN, ROUTING = (
    "answer not in the codebook",
    "question not in the codebook",
    "should have been skipped",
)
STRAIGHT, SPEEDER, COPY = "one answer all along", "too fast", "the same answers as another"
FEWEST_ITEMS = 6  # of a battery, some of them reversed: with fewer one answer all along may be meant
HASTE = 0.3  # of the median time


@dataclass(frozen=True, eq=False)
class Checked:
    """Answers that can be used, and what was found.

    Parameters
    ----------
    answers : DataFrame
        As given, without answers that may not be: ``respondent_id, question, item, option, value``.
    faults : DataFrame
        ``fault, respondent_id, question, item``: one row a fault found; question and item are missing where the whole
        respondent is meant.
    dropped : frozenset of str
        Respondents whose answers are not used: copies of another's, haste, one answer all along.
    """

    answers: pd.DataFrame
    faults: pd.DataFrame
    dropped: frozenset[str]

    def counts(self) -> pd.DataFrame:
        """Return ``fault, answers, respondents, handled``."""
        found = self.faults.groupby("fault").agg(
            answers=("fault", "size"), respondents=("respondent_id", "nunique")
        )
        whole = {STRAIGHT, SPEEDER, COPY}
        found["handled"] = ["respondent left out" if f in whole else "answer left out" for f in found.index]
        return found.reset_index()


def check(answers: pd.DataFrame, book: pd.DataFrame, seconds: pd.Series) -> Checked:
    """Return the answers that the codebook allows, of respondents who read it.

    Parameters
    ----------
    answers : DataFrame
        ``respondent_id, question, item, option, value``.
    book : DataFrame
        The codebook: ``question, item, kind, low, high, levels, missing, reversed, asked_if``.
    seconds : Series
        From the first answer to the last, by respondent; missing: not known.

    Notes
    -----
    A battery is a question of at least 6 scale items of which some are reversed: whoever gives the same answer to all
    of them contradicts themselves. Who takes less than 0.3 of the median time did not read. Two who agree in every
    answer, open text too, are one; the first by id stays.
    """
    rows = answers.merge(book, on=["question", "item"], how="left", indicator="known")
    value = rows["value"].astype(float)
    silent = _means_nothing(rows, value)
    unknown = (rows["known"] == "left_only").to_numpy()
    outside = (value < rows["low"].astype(float)) | (value > rows["high"].astype(float))
    odd = _not_a_level(rows)
    illegal = (~silent & ~unknown & (outside.to_numpy() | odd)).astype(bool)
    skipped = _wrongly_asked(rows, value) & ~unknown & ~illegal
    faults = [
        rows.loc[mask, ["respondent_id", "question", "item"]].assign(fault=name)
        for name, mask in ((UNKNOWN, unknown), (ILLEGAL, illegal), (ROUTING, skipped))
    ]
    kept = rows.loc[~(unknown | illegal | skipped | silent), list(answers.columns)]
    people = {
        COPY: _copies(answers),
        SPEEDER: sorted(seconds.index[seconds < HASTE * seconds.median()]),
        STRAIGHT: _straight(rows[~silent], value[~silent]),
    }
    for name, who in people.items():
        faults.append(pd.DataFrame(dict(respondent_id=who)).assign(fault=name, question=None, item=None))
    dropped = frozenset(r for who in people.values() for r in who)
    every = pd.concat([f for f in faults if len(f)] or [faults[0]], ignore_index=True)
    return Checked(kept[~kept["respondent_id"].isin(dropped)].reset_index(drop=True), every, dropped)


def _listed(text: object) -> frozenset[str]:
    return (
        frozenset(p.strip() for p in str(text).split(";")) if isinstance(text, str) and text else frozenset()
    )


def _said(rows: pd.DataFrame, value: pd.Series) -> pd.Series:
    """Return answers as text: the option, else the number as a codebook writes it."""
    plain = value.map(lambda v: "" if np.isnan(v) else f"{v:g}")
    return rows["option"].where(rows["option"].notna(), plain).astype(str)


def _means_nothing(rows: pd.DataFrame, value: pd.Series) -> np.ndarray:
    codes = {text: _listed(text) for text in rows["missing"].dropna().unique()}
    said = _said(rows, value)
    return np.array([s in codes.get(m, ()) for s, m in zip(said, rows["missing"], strict=True)], bool)


def _not_a_level(rows: pd.DataFrame) -> np.ndarray:
    levels = {text: _listed(text) for text in rows["levels"].dropna().unique()}
    pairs = zip(rows["option"], rows["levels"], strict=True)
    return np.array([isinstance(lv, str) and o not in levels[lv] for o, lv in pairs], bool)


def _wrongly_asked(rows: pd.DataFrame, value: pd.Series) -> np.ndarray:
    """Return which answers are to a question whose condition, 1 to another of the same item, does not hold."""
    yes = rows[value == 1]
    passed = set(zip(yes["respondent_id"], yes["question"], yes["item"], strict=True))
    asked = zip(rows["respondent_id"], rows["asked_if"], rows["item"], strict=True)
    return np.array([isinstance(q, str) and (r, q, i) not in passed for r, q, i in asked], bool)


def _copies(answers: pd.DataFrame) -> list[str]:
    ordered = answers.sort_values(["respondent_id", "question", "item"])
    said = ordered["question"] + "=" + ordered["item"] + "=" + _said(ordered, ordered["value"].astype(float))
    whole = said.groupby(ordered["respondent_id"]).agg("|".join)
    return sorted(whole.index[whole.duplicated()])


def _straight(rows: pd.DataFrame, value: pd.Series) -> list[str]:
    scales = rows[rows["kind"] == "scale"].assign(value=value)
    turned = scales["reversed"].fillna(False).astype(bool)
    battery = (
        scales.assign(turned=turned)
        .groupby("question")
        .agg(items=("item", "nunique"), turned=("turned", "any"))
    )
    names = battery.index[(battery["items"] >= FEWEST_ITEMS) & battery["turned"]]
    own = scales[scales["question"].isin(names)].groupby(["respondent_id", "question"])["value"]
    flat = (own.nunique() == 1) & (own.size() >= FEWEST_ITEMS)
    return sorted(set(flat.index[flat].get_level_values(0)))
