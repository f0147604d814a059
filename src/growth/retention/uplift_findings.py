"""The sentences of ``06_retention`` on what randomised actions added."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from growth.retention.uplift import Uplift
from growth.words import count, figures, minus

if TYPE_CHECKING:
    from growth.report.notebook import Notebook

SURE = 0.05
MONEY = {c: "{:,.2f}" for c in ("gain", "gain_low", "gain_high", "aiming", "aiming_low", "aiming_high")}
MONEY |= {c: "{:+.1%}" for c in ("lift", "low", "high")} | {"same_lift": "{:.3f}"}
GROUPS = {c: "{:,.2f}" for c in ("foreseen", "control", "treated", "gain", "gain_low", "gain_high")}
GROUPS |= {c: "{:+.1%}" for c in ("lift", "low", "high")}


def uplift(nb: Notebook, found: list[Uplift]) -> Uplift:
    """Record the lift of every arm; return the one that is surest not to be nothing, which is shown in depth."""
    best = min(found, key=lambda u: (u.gain.p_value, u.experiment, u.arm))
    for u in found:
        one = (
            "differs between groups of customers"
            if u.same_lift < SURE
            else "is not seen to differ between groups"
        )
        nb.finding(
            f"F4.lift_{u.experiment}_{u.arm}".replace(" ", "_"),
            f"{u.name}, {u.arm}: in {u.days} days {count(u.customers)} customers who had bought before brought "
            f"{minus(f'{100 * u.lift:+.1f} % against the control')} ({nb.level} "
            f"{minus(f'{100 * u.low:+.1f} to {100 * u.high:+.1f} %')}), {nb.data.currency} "
            f"{minus(figures(u.gain.value, 3))} each; the lift {one} foreseen to buy more or less "
            f"(p = {figures(u.same_lift, 2)}).",
            u.lift,
            "share",
            low=u.low,
            high=u.high,
            n=u.customers + u.control,
            method="randomised; ratio of means (delta method on the log); equal lifts by Cochran's Q",
            caveats="Several arms are shown: one in twenty would look better or worse than nothing by chance.",
            detail=u is not best,
            series=dict(gain=u.gain.value, aiming=u.aiming.value, same_lift=u.same_lift),
        )
    return best


def assumed(nb: Notebook, found: list[Uplift]) -> None:
    """Say whether the lift that the campaign above assumes is one that a test has measured."""
    lift = nb.params.contact_lift
    inside = [f"{u.name}, {u.arm}" for u in found if u.low <= lift <= u.high]
    nb.text(
        f"The campaign above assumes a lift of {100 * lift:g} %. "
        + (f"It lies in the interval of: {'; '.join(inside)}." if inside else "It lies in no arm's interval.")
        + " Which action is meant decides: put the measured lift of that action into `contact_lift`."
    )


def aiming(nb: Notebook, best: Uplift) -> None:
    """Record whether it helps to take those first who are foreseen to buy most."""
    a, currency = best.aiming, nb.data.currency
    verdict = "pays" if a.low > 0 else "is worse than anybody" if a.high < 0 else "is not seen to help"
    nb.finding(
        "F4.aiming",
        f"{best.name}, {best.arm}: to take those first who are foreseen to buy most {verdict}: {currency} "
        f"{minus(figures(a.value, 3))} a customer more than taking anybody, over all shares that might be taken "
        f"({nb.level} {minus(figures(a.low, 3))} to {minus(figures(a.high, 3))}).",
        a.value,
        currency,
        low=a.low,
        high=a.high,
        n=best.customers + best.control,
        method="area between the uplift curve and its chord: difference of means of (1/2 - u) y",
        caveats="The arm in which most was seen: its gain is more likely too high than too low.",
    )


def order(table: pd.DataFrame) -> pd.DataFrame:
    """Return the arms' table, the surest gain first."""
    return table.sort_values("gain_low", ascending=False, ignore_index=True)
