"""What the audit concludes from its marts: fates, reasons, gaps, and whether the money adds up."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal

import pandas as pd


@dataclass(frozen=True)
class Fate:
    """Rows in, and what became of them. A flagged row is kept."""

    rows_in: int
    kept: int
    flagged: int
    refused: int

    @property
    def whole(self) -> bool:
        """Every row is accounted for."""
        return self.rows_in == self.kept + self.refused


def fate(accounts: pd.DataFrame, table: str = "(raw files)") -> Fate:
    """Return the account of one table, or of all raw files."""
    rows = accounts[(accounts["table"] == table) & (accounts["fate"] != "flag")]
    total = rows.groupby("fate")["rows"].sum()
    return Fate(*(int(total.get(f, 0)) for f in ("rows_in", "kept", "flagged", "refused")))


def fates(accounts: pd.DataFrame) -> pd.DataFrame:
    """Return ``table, rows_in, kept, flagged, refused``, a row a table, in order of size."""
    names = [t for t in accounts["table"].unique() if t != "(raw files)"]
    rows = [dict(table=t, **fate(accounts, t).__dict__) for t in names]
    return pd.DataFrame(rows).sort_values(["rows_in", "table"], ascending=[False, True], ignore_index=True)


def reasons(accounts: pd.DataFrame) -> pd.DataFrame:
    """Return every reason and flag that occurred: ``table, fate, reason, rows, share`` (of the table's rows in)."""
    of_tables = accounts["table"] != "(raw files)"
    named = accounts[of_tables & (accounts["reason"] != "") & (accounts["rows"] > 0)].copy()
    rows_in = {t: fate(accounts, t).rows_in for t in named["table"].unique()}
    named["fate"] = named["fate"].map({"flag": "kept, flagged", "refused": "refused"})
    named["share"] = named["rows"] / named["table"].map(rows_in).astype("int64")  # of no row, text
    order = ["fate", "rows", "table", "reason"]
    return named.sort_values(order, ascending=[False, False, True, True], ignore_index=True)


def flagged_with(accounts: pd.DataFrame, flag: str) -> int:
    """Return how many kept raw rows carry a flag: what is derived from one does not count again."""
    rows = accounts[(accounts["table"] == "(raw files)") & (accounts["reason"] == flag)]
    return int(rows["rows"].sum())


def completeness(columns: pd.DataFrame) -> pd.DataFrame:
    """Return ``table, column, rows, empty, share_empty`` for every column that is not complete."""
    out = columns[(columns["empty"] > 0) & (columns["rows"] > 0)].copy()
    out["share_empty"] = out["empty"] / out["rows"]
    return out[["table", "column", "rows", "empty", "share_empty"]].reset_index(drop=True)


def gaps(days: pd.Series, longest_normal: int, as_of: dt.date | None = None) -> pd.DataFrame:
    """Find the runs of days without a record that are longer than normal.

    Parameters
    ----------
    days : Series of datetime.date
        Days that have a record.
    longest_normal : int
        Runs of up to this many days are no gap (a shop that closes at weekends).
    as_of : datetime.date, optional
        The silence between the last record and this day counts too.

    Returns
    -------
    DataFrame
        ``first, last, days`` of each gap after the first record.
    """
    seen = sorted({*days, as_of} if as_of and len(days) else set(days))
    one = dt.timedelta(days=1)
    rows = [
        dict(first=before + one, last=after - one, days=(after - before).days - 1)
        for before, after in zip(seen[:-1], seen[1:], strict=True)
        if (after - before).days - 1 > longest_normal
    ]
    return pd.DataFrame(rows, columns=["first", "last", "days"])


@dataclass(frozen=True)
class Reconciliation:
    """Whether money follows from the raw files to the figures.

    Parameters
    ----------
    raw, reported : Decimal
        What the raw files add up to; what the daily figures add up to.
    explained : Decimal
        What lies between the two, each cent by name.
    """

    raw: Decimal
    explained: Decimal
    reported: Decimal

    @property
    def difference(self) -> Decimal:
        """What is left unexplained: 0 if all is well."""
        return self.raw - self.explained - self.reported


def reconcile(bridge: pd.DataFrame, kpi_day: pd.DataFrame) -> Reconciliation:
    """Compare the raw total, less every named change up to what was paid for, with the sum of the daily figures."""
    paid = bridge.loc[bridge["what"] == "paid for", "step"].iloc[0]
    until = bridge[bridge["step"] < paid]
    raw = until.loc[until["step"] == 0, "amount"].iloc[0]
    explained = sum(until.loc[until["kind"] == "change", "amount"], Decimal(0))
    return Reconciliation(raw, explained, sum(kpi_day["gross"], Decimal(0)))


def level(bridge: pd.DataFrame, what: str) -> pd.Series:
    """Return the row of the bridge that has this name."""
    return bridge[bridge["what"] == what].iloc[0]


def without_customer(people: pd.DataFrame) -> tuple[int, int]:
    """Return (lines without a customer, all lines): order lines and returns, kept and refused."""
    return int(people.loc[~people["known"], "rows"].sum()), int(people["rows"].sum())
