"""The sentences that ``00_audit`` records."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from growth.audit import model
from growth.contract import TABLES
from growth.words import count, percent, plural
from growth.words import money as amount_of

if TYPE_CHECKING:
    from growth.report.notebook import Notebook

CENSUS = "a census: every row was counted"


def rows(nb: Notebook, accounts: pd.DataFrame) -> None:
    """Record that rows in = kept + refused, and how many were flagged, and why."""
    total = model.fate(accounts)
    assert total.whole, "rows in differ from rows kept and refused"
    nb.finding(
        "H4.rows",
        f"All {count(total.rows_in)} rows are accounted for: {count(total.kept)} kept, "
        f"{count(total.refused)} refused with a reason; {count(total.flagged)} of those kept carry a flag.",
        total.rows_in,
        "rows",
        n=total.rows_in,
        method=CENSUS,
        headline=True,
        series=dict(kept=total.kept, flagged=total.flagged, refused=total.refused),
    )
    copies = model.flagged_with(accounts, "exact_duplicate")
    worth = ""
    if nb.has("duplicates"):
        paid = nb.mart("duplicates").iloc[0]
        worth = f"; {count(paid['lines'])} of them are paid order lines, {amount_of(paid['amount'], nb.data.currency)}"
    nb.finding(
        "H4.exact_duplicates",
        f"{count(copies)} rows are exact copies of an earlier row; they are flagged and kept{worth}.",
        copies,
        "rows",
        n=total.kept,
        method="equal in every column of the raw file",
        caveats="Whether a shop sold the same thing twice or wrote it twice cannot be told from the row.",
    )
    returned = model.fate(accounts, "returns")
    if returned.rows_in:
        nb.finding(
            "H4.returns",
            f"{count(returned.rows_in)} rows are returns or cancellations: {count(returned.kept)} kept, "
            f"{count(returned.refused)} refused.",
            returned.rows_in,
            "rows",
            n=total.rows_in,
            method=CENSUS,
        )


def money(nb: Notebook, bridge: pd.DataFrame, kpi_day: pd.DataFrame) -> None:
    """Record that revenue follows from the raw files to the cent, and what known customers bought."""
    found = model.reconcile(bridge, kpi_day)
    independent = bridge["what"].iloc[0] == "in the raw files"
    start = "the raw files" if independent else "what the mapping reads"
    unread = int(nb.mart("unreadable")["lines"].iloc[0])
    besides = f" {plural(unread, 'refused line')} had no amount that could be read." if unread else ""
    currency = nb.data.currency
    verdict = (
        "to the last cent" if found.difference == 0 else f"but for {found.difference} that nothing explains"
    )
    nb.finding(
        "H4.reconciliation",
        f"Revenue follows from {start} to the daily figures {verdict}: "
        f"{amount_of(found.reported, currency)}.{besides}",
        found.reported,
        currency,
        n=len(kpi_day),
        method="raw total less every named change, against the sum of the daily figures; exact decimals",
        caveats=""
        if independent
        else "A mapping that reads a wrong column or amount is not seen here: check it.",
        series=dict(difference=found.difference, raw=found.raw, unreadable=unread),
    )
    known = model.level(bridge, "by known customers")
    nb.finding(
        "H4.purchases",
        f"Known customers bought {count(known['lines'])} lines on {count(known['orders'])} orders: "
        f"{count(known['customers'])} customers, {amount_of(known['amount'], currency)}.",
        known["amount"],
        currency,
        n=int(known["lines"]),
        method="lines with a known customer, a positive quantity and a positive amount, of orders that count",
        series=dict(
            lines=int(known["lines"]), orders=int(known["orders"]), customers=int(known["customers"])
        ),
    )


def people(nb: Notebook, counts: pd.DataFrame) -> None:
    """Record how many lines have no customer."""
    without, lines = model.without_customer(counts)
    nb.finding(
        "H4.without_customer",
        f"{count(without)} of {count(lines)} lines ({percent(without / lines)}) have no customer: "
        "those paid for count as revenue, and none in a figure about customers.",
        without,
        "rows",
        n=lines,
        method="order lines and returns, kept and refused",
    )


def time(nb: Notebook, kpi_day: pd.DataFrame, gaps: pd.DataFrame) -> None:
    """Record the gaps in time."""
    lost = int(gaps["days"].sum())
    what = f"{plural(len(gaps), 'gap')} with {plural(lost, 'day')}" if len(gaps) else "no gap"
    nb.finding(
        "H4.gaps",
        f"From {kpi_day['date'].min()} to {kpi_day['date'].max()} there are {count(len(kpi_day))} days with "
        f"trade, and {what} of silence longer than {plural(nb.params.gap_days, 'day')}.",
        len(gaps),
        "gaps",
        n=len(kpi_day),
        method="days without an order or a refund, by business date",
        series=dict(days_lost=lost),
    )


def outliers(nb: Notebook, extremes: pd.DataFrame) -> None:
    """Record how many lines lie far out, and what hangs on them."""
    row = extremes[extremes["column"] == "amount"].iloc[0]
    share = float(row["far_amount"] / row["amount"]) if row["amount"] else 0.0
    nb.finding(
        "H4.extremes",
        f"{count(row['far_out'])} of {count(row['rows'])} order lines that were paid for have an extreme amount; "
        f"they are {percent(share)} of revenue.",
        int(row["far_out"]),
        "rows",
        n=int(row["rows"]),
        method="above Tukey's outer fence of the logarithm",
        series=dict(share_of_revenue=share),
    )


def sharing(nb: Notebook) -> None:
    """Record what stands in the place of personal ids."""
    kinds = sorted({c.name for t in TABLES.values() for c in t.columns if c.personal})
    key = (
        "a public key, as the data are made up or already published"
        if nb.data.synthetic or nb.data.public
        else ("the key of the environment")
    )
    nb.finding(
        "H3.pseudonyms",
        f"{len(kinds)} kinds of personal id ({', '.join(kinds)}) are pseudonyms, under {key}.",
        len(kinds),
        "kinds of id",
        n=len(kinds),
        method="HMAC-SHA256, 64 bits",
    )
