"""Kano's kinds by the published table, and shares by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from growth.market import kano
from growth.market.estimates import Design


def test_every_pair_of_answers_is_the_kind_of_the_table() -> None:
    """Rows: with it, like to dislike; columns: without it. Letters as Berger et al. (1993) print them."""
    published = ["QAAAO", "RIIIM", "RIIIM", "RIIIM", "RRRRQ"]
    pairs = [(i, j) for i in range(5) for j in range(5)]
    with_it, without = (pd.DataFrame({"f": [p[k] + 1.0 for p in pairs]}) for k in (0, 1))
    letters = [kano.KINDS[int(k)][0].upper() for k in kano.classified(with_it, without)["f"]]
    assert "".join(letters) == "".join(published)


def test_what_one_did_not_answer_is_no_kind() -> None:
    with_it, without = pd.DataFrame({"f": [1.0, np.nan, 2.0]}), pd.DataFrame({"f": [5.0, 5.0, np.nan]})
    found = kano.classified(with_it, without)["f"]
    assert found.iloc[0] == kano.O and found.iloc[1:].isna().all()


def kinds() -> pd.DataFrame:
    own = [kano.A] * 30 + [kano.O] * 20 + [kano.M] * 25 + [kano.I] * 15 + [kano.R] * 6 + [kano.Q] * 4
    return pd.DataFrame({"f": [float(k) for k in own]})


def test_shares_and_coefficients_are_those_by_hand() -> None:
    row = kano.features(kinds(), Design(np.ones(100))).iloc[0]
    assert [row[k] for k in kano.KINDS] == pytest.approx([0.30, 0.20, 0.25, 0.15, 0.06, 0.04])
    assert row["most"] == "attractive" and row["most_low"] < 0.3 < row["most_high"]
    assert row["better"] == pytest.approx(50 / 90) and row["worse"] == pytest.approx(-45 / 90)
    assert row["better_low"] < row["better"] < row["better_high"]
    assert row["worse_low"] < row["worse"] < row["worse_high"] < 0
    assert not row["sure"]  # 30 to 25 of a hundred


def test_a_lead_is_sure_where_it_is_large_and_weights_are_copies() -> None:
    many = pd.concat([kinds()] * 20, ignore_index=True)
    assert kano.features(many, Design(np.ones(2000)))["sure"].iloc[0]
    w = np.where(kinds()["f"] == kano.M, 3.0, 1.0)
    row = kano.features(kinds(), Design(w)).iloc[0]
    assert row["most"] == "must-be" and row["must-be"] == pytest.approx(75 / 150)
