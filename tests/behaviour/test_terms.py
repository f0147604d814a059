"""Search terms: one spelling, and what is not served."""

from __future__ import annotations

import pandas as pd
import pytest

from growth.behaviour import search, terms
from growth.simulation import words


@pytest.mark.parametrize(
    ("typed", "normal"),
    [
        ("Ｅ－Ｂｉｋｅ ", "e bike"),
        ("e-bike", "e bike"),
        ("  AIR   Fryer", "air fryer"),
        ("露营　皮划艇", "露营皮划艇"),
        ("露营 皮划艇", "露营皮划艇"),
        ("显示器 4K", "显示器 4k"),
        ("STRASSE", "strasse"),
        ("Straße", "strasse"),
        ("ｶﾞ", "ガ"),
        ("ye\u200bs", "yes"),
        ("（猫粮）！", "猫粮"),
        ("...", ""),
    ],
)
def test_one_spelling(typed: str, normal: str) -> None:
    assert terms.normal(typed) == normal == terms.normal(normal)


def test_pieces_are_words_and_pairs_of_characters() -> None:
    assert terms.pieces("露营帐篷 4k") == {"露营", "营帐", "帐篷", "4k"}
    assert terms.pieces("茶 air fryer") == {"茶", "air", "fryer"}


CATALOGUE = pd.DataFrame(
    dict(product_id=["p1", "p2"], name=["山间 露营帐篷", "Air Fryer Pro"], category=["户外", None])
)


def test_the_nearest_product() -> None:
    found = terms.nearest(pd.Series(["露营皮划艇", "air fryer", "猫粮"]), CATALOGUE)
    assert found["likeness"].tolist() == [0.25, 1.0, 0.0]
    assert found["product_id"].tolist()[:2] == ["p1", "p2"] and found["product_id"].isna()[2]
    assert terms.nearest(pd.Series(["a"]), CATALOGUE.head(0))["likeness"].tolist() == [0.0]


def typed(*rows: tuple[str, int, int, int]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            dict(query=q, searches=2 * n, nothing=e, people=n, empty=e, looked=k, bought=0)
            for q, n, e, k in rows
        ]
    )


def test_spellings_are_added_up() -> None:
    found = search.demand(
        typed(("E-bike", 30, 30, 1), ("ｅ bike", 20, 20, 0), ("!", 9, 0, 9), ("tea", 10, 0, 5))
    )
    assert found[["term", "spellings", "searches", "people", "empty", "looked"]].to_numpy().tolist() == [
        ["e bike", 2, 100, 50, 50, 1], ["tea", 1, 20, 10, 0, 5]
    ]  # fmt: skip


def test_verdicts_and_the_catalogue() -> None:
    table = search.demand(
        typed(("tea", 1000, 0, 500), ("air fryer", 200, 200, 0), ("露营 皮划艇", 100, 90, 2), ("猫粮", 100, 100, 0),
              ("ghost", 200, 0, 20), ("half", 100, 55, 50), ("rare", 3, 3, 0))
    )  # fmt: skip
    made = search.judged(table, 30).set_index("term")
    assert "rare" not in made.index
    assert made["verdict"].to_dict() == {
        "tea": search.SERVED, "air fryer": search.UNMET, "露营皮划艇": search.UNMET, "猫粮": search.UNMET,
        "ghost": search.LOW_CLICK, "half": search.SERVED,
    }  # fmt: skip
    found = search.unmet(made.reset_index(), CATALOGUE).set_index("term")
    assert found["kind"].to_dict() == {
        "air fryer": search.HIDDEN, "ghost": search.MISSING, "露营皮划艇": search.PARTLY, "猫粮": search.MISSING
    }  # fmt: skip
    with pytest.raises(ValueError, match="2,000|2000"):
        search.judged(table, 2000)


def test_every_planted_term_has_its_own_spelling() -> None:
    """Else two needs of the simulated platform would be told as one."""
    planted = [q for c in words.CATEGORIES for q in c.queries] + list(words.UNMET)
    assert len({terms.normal(q) for q in planted}) == len(planted)
