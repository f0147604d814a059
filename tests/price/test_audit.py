"""The identification audit: every product is there, with numbers by hand and a reason where it cannot be told."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from growth.price.audit import audit


def shop() -> pd.DataFrame:
    """Six good products, and one of every bad kind."""
    random = np.random.default_rng(1)
    rows = []
    for p in "abcdef":
        prices = 10 * np.exp(0.2 * random.integers(-2, 3, 30))
        rows += [dict(sku=p, week=w, price=prices[w], units=w % 3) for w in range(30)]
    rows += [dict(sku="one price", week=w, price=5.0, units=1) for w in range(30)]
    rows += [dict(sku="young", week=w, price=5.0 + w, units=1) for w in range(27, 30)]
    rows += [dict(sku="no price", week=w, price=np.nan, units=1) for w in range(30)]
    rows += [dict(sku="unsold", week=w, price=5.0 + w % 2, units=0) for w in range(30)]
    rows += [dict(sku="gaps", week=w, price=np.nan if w % 2 else 4.0 + w, units=2) for w in range(30)]
    return pd.DataFrame(rows)


def test_numbers_by_hand() -> None:
    frame = shop()
    found = audit(frame, "price", "units", "sku", "week").set_index("product")
    assert set(found.index) == set(frame["sku"])
    assert (found["weeks"] + found["unpriced"]).to_dict() == frame.groupby("sku").size().to_dict()
    own = frame[frame["sku"] == "a"]
    assert found.loc["a", "spread"] == pytest.approx(np.log(own["price"]).std())
    assert found.loc["a", "prices"] == own["price"].nunique() and found.loc["a", "zeros"] == pytest.approx(
        1 / 3
    )
    priced = frame[frame["price"].notna()]
    dummies = pd.get_dummies(priced[["sku", "week"]].astype(str), dtype=float).to_numpy()
    log = np.log(priced["price"].to_numpy())
    rest = log - dummies @ np.linalg.lstsq(dummies, log, rcond=None)[0]
    at = (priced["sku"] == "gaps").to_numpy()
    assert found.loc["gaps", "left"] == pytest.approx(
        np.sum(rest[at] ** 2) / np.sum((log[at] - log[at].mean()) ** 2)
    )


def test_reasons() -> None:
    found = audit(shop(), "price", "units", "sku", "week").set_index("product")["reason"]
    assert (found[list("abcdef") + ["gaps"]] == "").all()
    assert found["one price"] == "one price ever" and found["no price"] == "no price on record"
    assert found["young"] == "3 weeks with a price, fewer than 10" and found["unsold"] == "never sold"


def test_a_price_that_moves_with_all_others_is_named() -> None:
    random = np.random.default_rng(2)
    common = 0.2 * random.normal(size=40)
    rows = [dict(sku=s, week=w, price=10 * np.exp(common[w]), units=1) for s in range(8) for w in range(40)]
    found = audit(pd.DataFrame(rows), "price", "units", "sku", "week")
    assert found["reason"].str.startswith("its price moves with all others' alone: weeks leave 0.0%").all()


def test_bad_input_is_named() -> None:
    frame = shop()
    with pytest.raises(ValueError, match="`price` is not a positive price in 1 of"):
        audit(
            frame.assign(price=frame["price"].where(frame.index != 0, 0.0)), "price", "units", "sku", "week"
        )
    with pytest.raises(ValueError, match="`units` is negative in 2 of"):
        audit(frame.assign(units=frame["units"].where(frame.index > 1, -1)), "price", "units", "sku", "week")
    with pytest.raises(ValueError, match="no column `cost`"):
        audit(frame, "cost", "units", "sku", "week")
    with pytest.raises(ValueError, match="No row has a price"):
        audit(frame.assign(price=np.nan), "price", "units", "sku", "week")


def test_a_price_that_jumps_threefold_is_of_another_pack() -> None:
    weeks = list(range(30))
    rows = pd.DataFrame(dict(product="p", week=weeks, price=[5.0 + 0.1 * (w % 3) for w in weeks], units=3))
    steady = rows.assign(product="q", price=[7.0 + 0.1 * (w % 4) for w in weeks])
    rows.loc[rows["week"] >= 15, "price"] *= 4
    found = audit(pd.concat([rows, steady]), "price", "units", "product", "week").set_index("product")
    assert "another pack" in found.loc["p", "reason"] and found.loc["q", "reason"] == ""
