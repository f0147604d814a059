"""When customers come back and leave: marts against pandas, segments and ratios against statsmodels and by hand."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import pytest
from statsmodels.duration.survfunc import SurvfuncRight, survdiff

from growth.retention import leaving, leaving_marts, leaving_ratios, rules
from growth.retention.model import Calendar
from tests.conftest import frame
from tests.retention.test_marts import rows  # noqa: F401  (a fixture)
from tests.retention.test_stages import days_of


def test_second_purchases_equal_brute_force(shop: Any, rows: dict[str, Any]) -> None:  # noqa: F811
    people = [dict(customer_id=f"c{n}", acquisition_channel="ads", gender="f", region="r") for n in range(30)]
    t = shop(customers=people, regions=[dict(region="r", tier="tier 1")], **rows)
    found = frame(leaving_marts.second_purchase(t))
    want = []
    for who, own in days_of(rows).items():
        d = sorted(set(own))
        known = int(who[1:]) < 30
        waited = (d[1] - d[0]).days if len(d) > 1 else (dt.date(2024, 6, 30) - d[0]).days
        want.append((known, waited, len(d) > 1))
    mine = found.loc[found.index.repeat(found["customers"])]
    mine = [(pd.notna(r["city_tier"]), r["days"], r["again"]) for r in mine.to_dict("records")]
    assert sorted(mine) == sorted(want)
    bare = frame(leaving_marts.second_purchase(shop(**rows)))
    assert bare["customers"].sum() == len(want) and bare["gender"].isna().all()


def test_orders_before_sign_up_count_from_the_first_order(shop: Any) -> None:
    """A guest's first order may come before the account: the wait is from order to order all the same."""
    at = ["2024-01-01", "2024-01-11"]
    orders = [dict(order_id=d, customer_id="a", status="paid", placed_at=d, paid_at=d) for d in at]
    lines = [dict(order_id=d, product_id="p", quantity=1, amount=9) for d in at]
    late = [dict(customer_id="a", signed_up_at="2024-06-01")]
    found = frame(leaving_marts.second_purchase(shop(orders=orders, order_lines=lines, customers=late)))
    assert found[["days", "again", "customers"]].values.tolist() == [[10, True, 1]]


def test_the_first_category_is_that_of_most_money_on_the_first_day(shop: Any) -> None:
    """a spends 6 on tea in two lines and 5 on cake, then 50 on cake; b equally on both; c on what nobody has filed."""
    at = [("a", "2024-01-01", "tea1", 3), ("a", "2024-01-01", "tea2", 3), ("a", "2024-01-01", "cake", 5),
          ("a", "2024-02-01", "cake", 50), ("b", "2024-01-01", "tea1", 4), ("b", "2024-01-01", "cake", 4),
          ("c", "2024-01-01", "loose", 9)]  # fmt: skip
    orders = [
        dict(order_id=f"o{i}", customer_id=c, status="paid", placed_at=d, paid_at=d)
        for i, (c, d, *_) in enumerate(at)
    ]
    lines = [dict(order_id=f"o{i}", product_id=p, quantity=1, amount=m) for i, (*_, p, m) in enumerate(at)]
    things = dict(tea1="tea", tea2="tea", cake="cake", loose=None)
    products = [dict(product_id=k, category=v) for k, v in things.items()]
    found = frame(leaving_marts.second_purchase(shop(orders=orders, order_lines=lines, products=products)))
    got = {(r["again"], r["first_category"]): r["customers"] for r in found.fillna("-").to_dict("records")}
    assert got == {(True, "tea"): 1, (False, "cake"): 1, (False, "-"): 1}


def test_stays_go_from_the_first_record_to_the_last(shop: Any) -> None:
    """a moved up and is still there; b came back and left; c began on the last day; d's contract runs on beyond now;
    e ends before it begins: it has no length, and is counted all the same."""
    at = [("a", "silver", "2024-01-01", "2024-03-01"), ("a", "gold", "2024-03-01", None),
          ("b", "silver", "2024-01-01", "2024-02-01"), ("b", "silver", "2024-04-01", "2024-05-01"),
          ("c", "silver", "2024-06-30", None), ("d", "silver", "2024-01-01", "2025-01-01"),
          ("e", "silver", "2024-05-01", "2024-04-01")]  # fmt: skip
    members = [dict(customer_id=c, program="club", tier=t, valid_from=f, valid_to=u) for c, t, f, u in at]
    found = frame(leaving_marts.stays(shop(memberships=members)))
    assert found[["days", "ended", "customers"]].fillna(-1).to_dict("records") == [
        dict(days=1, ended=False, customers=1),
        dict(days=121, ended=True, customers=1),
        dict(days=182, ended=False, customers=2),
        dict(days=-1, ended=True, customers=1),
    ]
    assert set(found["tier"]) == {"silver"}
    known, lost = leaving.timed(found)
    assert lost == 1 and known["customers"].sum() == 4


def test_what_ends_on_the_day_it_is_looked_at_has_not_been_seen_to_end(shop: Any) -> None:
    ends = ["2024-06-30 23:00:00", "2024-07-01 00:00:00"]
    members = [dict(customer_id=f"c{i}", program="club", tier="t", valid_from="2024-06-01", valid_to=e)
               for i, e in enumerate(ends)]  # fmt: skip
    found = frame(leaving_marts.stays(shop(memberships=members)))
    assert found[["days", "ended"]].values.tolist() == [[29, True], [30, False]]


def test_members_are_what_was_known_on_the_first_day(shop: Any) -> None:
    """a: two programs from the first day, a third and a better tier later; b has left one of two; c has left both."""
    at = [("a", "club", "silver", "2024-01-01", "2024-02-01"), ("a", "club", "gold", "2024-02-01", None),
          ("a", "pay", "card", "2024-01-01", None), ("a", "app", "yes", "2024-03-01", None),
          ("b", "club", "silver", "2024-01-01", "2024-02-01"), ("b", "pay", "bill", "2024-01-01", None),
          ("c", "club", "gold", "2024-01-01", "2024-02-01"),
          ("c", "pay", "bill", "2024-01-11", "2024-03-01")]  # fmt: skip
    members = [dict(customer_id=c, program=p, tier=t, valid_from=f, valid_to=u) for c, p, t, f, u in at]
    found, names = leaving_ratios.unpacked(frame(leaving_marts.members(shop(memberships=members))))
    assert names[:2] == ("club", "pay") and "app" not in found
    got = sorted(found[["club", "pay", "days", "ended"]].to_records(index=False).tolist())
    assert got == [("gold", "none", 60, True), ("silver", "bill", 182, False), ("silver", "card", 182, False)]


def test_a_program_called_like_a_segment_keeps_both(shop: Any) -> None:
    people = [dict(customer_id=c, gender=g) for c, g in (("a", "f"), ("b", "m"))]
    members = [
        dict(customer_id=c, program="gender", tier=t, valid_from="2024-01-01")
        for c, t in (("a", "F"), ("b", "M"))
    ]
    found, names = leaving_ratios.unpacked(
        frame(leaving_marts.members(shop(customers=people, memberships=members)))
    )
    assert names == ("gender (membership)", *rules.SEGMENTS)
    assert found[["gender", "gender (membership)"]].values.tolist() == [["f", "F"], ["m", "M"]]


def test_goodbyes_count_every_customer_once(shop: Any) -> None:
    """a left after 31 days, b is there, c left before sign-up, nobody knows when d came, e said nothing."""
    came = dict(a="2024-01-01", b="2024-06-01", c="2024-03-01", d=None, e="2024-06-30")
    people = [dict(customer_id=c, signed_up_at=t, gender="f") for c, t in came.items()]
    gone = [dict(customer_id="a", at="2024-02-01", reason="dear"),
            dict(customer_id="c", at="2024-02-01", reason="dear"),
            dict(customer_id="e", at="2024-06-30", reason=None)]  # fmt: skip
    found = frame(leaving_marts.goodbyes(shop(customers=people, departures=gone)))
    got = {(r["closed"], r["reason"], r["days"]) for r in found.fillna("-").to_dict("records")}
    assert got == {
        (True, "dear", 31),
        (True, "dear", "-"),
        (True, "-", 0),
        (False, "-", 30),
        (False, "-", "-"),
    }
    assert found["customers"].sum() == 5 and leaving.timed(found)[1] == 2


@pytest.fixture(scope="module")
def spells() -> pd.DataFrame:
    """Three kinds of 400 customers whose hazards are as 1 : 1 : 2, and a fourth of five customers."""
    random = np.random.default_rng(17)
    kind = np.repeat(["a", "b", "c", "d"], [400, 400, 400, 5])
    rate = np.where(kind == "c", 0.02, 0.01)
    time = np.ceil(random.exponential(1 / rate)).astype(int)
    end = random.integers(20, 300, len(kind))
    sex = random.choice(["f", "m"], len(kind))
    return pd.DataFrame(
        dict(kind=kind, sex=sex, same="x", none=None, days=np.minimum(time, end), again=time <= end, customers=1)
    )  # fmt: skip


def test_segments_equal_statsmodels_and_small_levels_are_pooled(spells: pd.DataFrame) -> None:
    found = leaving.segments(spells, ["kind", "sex", "same", "none"], "again", 60, 30)
    assert [s.name for s in found] == ["kind", "sex"]
    assert set(found[0].curves) == {"a", "b", "c", "other"}
    grouped = spells["kind"].replace({"d": "other"})
    chi, p = survdiff(spells["days"], spells["again"].astype(int), grouped)
    assert (found[0].statistic, found[0].p_value) == (
        pytest.approx(chi, rel=1e-9),
        pytest.approx(p, rel=1e-6),
    )
    assert found[0].corrected == pytest.approx(2 * found[0].p_value, rel=1e-9) and found[0].corrected < 1e-6
    own = spells[spells["kind"] == "c"]
    theirs = SurvfuncRight(own["days"], own["again"].astype(int))
    at60 = theirs.surv_prob[np.searchsorted(theirs.surv_times, 60, side="right") - 1]
    row = found[0].table.set_index("level").loc["c"]
    assert row["share"] == pytest.approx(1 - at60, abs=1e-12) and row["low"] < row["share"] < row["high"]
    assert row["customers"] == 400 and row["events"] == own["again"].sum()


def test_what_cannot_be_compared_is_said(spells: pd.DataFrame) -> None:
    none = spells.assign(again=False)
    assert leaving.segments(none, ["kind"], "again", 60, 30) == []
    one = pd.DataFrame(dict(kind=["a"], days=[9], again=[True], customers=[1]))
    assert (
        leaving.segments(one, ["kind"], "again", 60, 30)
        == []
        == leaving.segments(one[:0], ["kind"], "again", 60, 30)
    )
    everybody = leaving.everybody(spells.assign(again=True, days=9), "again")
    assert leaving.had(everybody, 9)[0] == 1.0 and np.isnan(leaving.had(everybody, 10)[0])


def test_cohorts_that_may_be_old_are_left_out() -> None:
    young = pd.DataFrame(dict(cohort=[dt.date(2024, m, 1) for m in (1, 2, 3)], customers=1))
    mid = Calendar("month", dt.date(2024, 6, 1), True, 31)
    assert leaving.not_truncated(young, mid)["cohort"].tolist() == [dt.date(2024, 2, 1), dt.date(2024, 3, 1)]
    assert len(leaving.not_truncated(young, Calendar("month", dt.date(2024, 6, 1)))) == 3


def test_who_is_not_known_is_not_compared(spells: pd.DataFrame) -> None:
    """A fifth of the rows, of unknown kind, never come back: the test and the shares are those without them."""
    lost = spells.head(300).assign(kind=None, again=False, days=299)
    alone = leaving.segments(spells, ["kind"], "again", 60, 30)[0]
    found = leaving.segments(pd.concat([spells, lost]), ["kind"], "again", 60, 30)[0]
    assert (found.statistic, found.unknown, alone.unknown) == (alone.statistic, 300, 0)
    assert found.table.equals(alone.table)


def test_nobody_within_the_days_has_an_interval_too() -> None:
    """None of b's 100 within 60 days, 80 of them watched so long: 0 of 80."""
    at = [
        ("a", True, 30, 50),
        ("a", False, 90, 50),
        ("b", False, 40, 20),
        ("b", True, 80, 10),
        ("b", False, 90, 70),
    ]
    found = leaving.segments(
        pd.DataFrame(at, columns=["kind", "again", "days", "customers"]), ["kind"], "again", 60, 30
    )
    row = found[0].table.set_index("level").loc["b"]
    assert (row["share"], row["low"]) == (0, 0) and row["high"] == pytest.approx(
        1.959964**2 / (80 + 1.959964**2)
    )


def test_nothing_to_compare_is_not_an_error_and_broken_rows_are() -> None:
    """All of a are gone from view before the first of b has an event: no event while two are at risk."""
    found = pd.DataFrame(dict(kind=["a", "b"], days=[5, 50], again=[False, True], customers=[40, 40]))
    assert leaving.segments(found, ["kind"], "again", 10, 30) == []
    with pytest.raises(ValueError, match="missing numbers"):
        leaving.segments(found.assign(days=[5, np.nan]), ["kind"], "again", 10, 30)


@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
def test_half_of_them_and_its_interval_equal_statsmodels(spells: pd.DataFrame, share: float) -> None:
    for kind in ("a", "c"):
        own = spells[spells["kind"] == kind]
        theirs = SurvfuncRight(own["days"], own["again"].astype(int))
        mine = leaving.half(leaving.everybody(own, "again"), share)
        low, high = theirs.quantile_ci(share, method="cloglog")
        assert mine == (theirs.quantile(share - 1e-9), low, high), "reached when just so many have come back"


def test_half_is_infinite_where_too_few_came_back(spells: pd.DataFrame) -> None:
    few = spells.assign(again=spells["again"] & (spells["days"] < 10))
    assert leaving.half(leaving.everybody(few, "again")) == (np.inf, np.inf, np.inf)
    one = pd.DataFrame(dict(days=[7.0], again=[True], customers=[1]))
    assert leaving.half(leaving.everybody(one, "again")) == (7.0, 7.0, np.inf), (
        "one customer bounds nothing above"
    )


def test_how_much_longer_equals_areas_under_statsmodels_curves(spells: pd.DataFrame) -> None:
    found = leaving.segments(spells, ["kind"], "again", 60, 30)[0]
    few = leaving.Segment(
        **{**vars(found), "curves": {k: c for k, c in found.curves.items() if k != "other"}}
    )
    table = leaving.restricted(few, 100).set_index("level")
    against = table["against"].iloc[0]

    def area(kind: str) -> float:
        own = spells[spells["kind"] == kind]
        s = SurvfuncRight(own["days"], own["again"].astype(int))
        every = np.arange(100)
        return float(np.append(1.0, s.surv_prob)[np.searchsorted(s.surv_times, every, side="right")].sum())

    for level, row in table.iterrows():
        assert row["longer"] == pytest.approx(area(str(level)) - area(against), abs=1e-9)
        assert row["low"] < row["longer"] < row["high"] and row["horizon"] == 100
    truth = sum(0.98**t - 0.99**t for t in range(100))  # of hazards .02 against .01, about
    assert table.loc["c", "low"] < truth < table.loc["c", "high"] or against == "c"
    assert leaving.restricted(few, 20).empty, "a horizon of 20 days says nothing"


def test_months_are_those_of_the_calendar() -> None:
    """Whoever began on the first of a month has so many months behind in at most `longest` days, and no month more."""
    for m in range(1, 121):
        for start in range(2015 * 12, 2019 * 12):
            first, end, after = (dt.date(k // 12, k % 12 + 1, 1) for k in (start, start + m, start + m + 1))
            assert (end - first).days <= leaving.longest(m) < (after - first).days
    assert leaving.survival_table(
        leaving.everybody(pd.DataFrame(dict(days=[40], e=[False], customers=[2])), "e"), (1, 2)
    )["months"].tolist() == [1]


def test_private_cells_of_few_people_are_blank() -> None:
    """b has 4 events of 50: blank; then c, the next smallest, too, or b could be told from the total."""
    found = [
        ("a", True, 60),
        ("a", False, 60),
        ("b", True, 4),
        ("b", False, 46),
        ("c", True, 20),
        ("c", False, 30),
    ]
    spells = pd.DataFrame(found, columns=["kind", "again", "customers"]).assign(days=[30, 90, 30, 90, 30, 90])
    found = leaving.segments(spells, ["kind"], "again", 60, 30)[0]
    assert leaving.visible(found, 0) is found
    shown = leaving.visible(found, 10)
    table = shown.table.set_index("level")
    assert table["events"].isna().to_dict() == dict(a=False, b=True, c=True) and set(shown.curves) == {"a"}
    assert table.loc[["b", "c"], ["share", "low", "high"]].isna().all(axis=None)
    assert table["customers"].to_dict() == dict(a=120, b=50, c=50)


def test_private_curves_end_where_few_are_watched() -> None:
    found = pd.DataFrame(dict(days=[10, 20, 30], again=[True, True, True], customers=[100, 15, 5]))
    assert leaving.cut(leaving.everybody(found, "again"), 10).time.tolist() == [10, 20]
    assert leaving.cut(leaving.everybody(found, "again"), 0).time.tolist() == [10, 20, 30]


def test_other_never_holds_fewer_than_a_cell() -> None:
    level, size = pd.Series(list("abcd")), pd.Series([100, 50, 40, 4])
    assert leaving.pooled_levels(level, size, 30).tolist() == ["a", "b", "c", "other"]
    assert leaving.pooled_levels(level, size, 30, 10).tolist() == ["a", "b", "other", "other"]
