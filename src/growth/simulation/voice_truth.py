"""The truth of the survey: how reliable the answers are, and what all who were asked would have said."""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt

import numpy as np
from scipy.special import ndtr

from growth.simulation.browse import Visits
from growth.simulation.life import Lives, Memory, Scene
from growth.simulation.rng import Floats, Ints
from growth.simulation.voice import cuts, waves

PROMOTER, DETRACTOR = 9, 6  # recommend from this on, up to this


def counts(scene: Scene, lives: Lives, memory: Memory, v: Visits) -> dict[str, int]:
    """Count, over all waves, those asked and those who finished, and what each group says or would say."""
    out: dict[str, int] = {}
    for wave in waves(scene, lives, memory, v):
        says = wave.value[:, -1]
        for group, own in (("asked", np.ones(wave.who.size, dtype=bool)), ("finished", wave.finishes)):
            for what, rows in (("", own), (": promoters", own & (says >= PROMOTER)),
                               (": detractors", own & (says <= DETRACTOR))):  # fmt: skip
                name = f"survey, {group}{what}"
                out[name] = out.get(name, 0) + int(rows.sum())
    return out


def sums(scene: Scene, lives: Lives, memory: Memory, v: Visits) -> dict[str, float]:
    """Return sums behind the true reliability of the mean of all items, each put on 0 to 100.

    Given a person and a wave, items are independent: the score has a mean, which is the true score, and a variance,
    which is noise; both follow from the thresholds in closed form. First over those who finished (both waves together),
    then over the pairs of waves of those who finished both.
    """
    found = waves(scene, lives, memory, v)
    out: dict[str, float] = {}
    seen: list[tuple[Ints, Floats, Floats]] = []
    for wave in found:
        true, noise = score(scene, wave.mean)
        for group, own in (("asked", slice(None)), ("finished", wave.finishes)):
            t, e = true[own], noise[own]
            for name, n in (("n", t.size), ("true", t.sum()), ("square", (t * t).sum()), ("noise", e.sum())):
                out[f"{group} {name}"] = out.get(f"{group} {name}", 0.0) + float(n)
        seen.append((wave.who[wave.finishes], true[wave.finishes], noise[wave.finishes]))
    if len(seen) == 2:
        (who, t, e), (who_then, t_then, e_then) = seen
        _, a, b = np.intersect1d(who, who_then, return_indices=True)
        out |= {
            "pairs n": float(a.size),
            "pairs first": float(t[a].sum()),
            "pairs second": float(t_then[b].sum()),
            "pairs first square": float((t[a] ** 2 + e[a]).sum()),
            "pairs second square": float((t_then[b] ** 2 + e_then[b]).sum()),
            "pairs product": float((t[a] * t_then[b]).sum()),
        }
    return {f"survey {k}": n for k, n in out.items()}


def score(scene: Scene, mean: Floats) -> tuple[Floats, Floats]:
    """Return the expectation and the variance of the mean of all items on 0 to 100, given the items' latent means.

    An item of K thresholds is a sum of K steps of 100 / K; the j-th is passed with chance P_j, so that its
    expectation is the sum of P_j, and that of its square the sum of (2 j - 1) P_j.
    """
    spread = np.sqrt(1 - scene.world.voice.loading**2)
    first, second = np.zeros_like(mean), np.zeros_like(mean)
    for j, cut in enumerate(cuts(scene)):
        passed = ndtr((mean[:, j, None] - cut[None, :]) / spread)
        step = 100 / cut.size
        first[:, j] = step * passed.sum(axis=1)
        second[:, j] = step**2 * (passed * (2 * np.arange(cut.size) + 1)).sum(axis=1)
    return first.mean(axis=1), (second - first**2).sum(axis=1) / mean.shape[1] ** 2


Row = tuple[str, float, str, str, str]  # name, value, unit, doc, kind: "parameter", "these people" or "plain"


def rows(counts: dict[str, int], sums: dict[str, float]) -> Iterator[Row]:
    """Yield the truths of the survey; none where nobody finished it."""
    if not counts.get("survey, finished"):
        return
    for group, name in (("finished", "survey_reliability"), ("asked", "survey_reliability_asked")):
        n, true, square, noise = (sums[f"survey {group} {k}"] for k in ("n", "true", "square", "noise"))
        spread = square / n - (true / n) ** 2
        who = "those who finished" if group == "finished" else "all who were asked"
        doc = f"of the mean of all items on 0 to 100, among {who}: variance of the true score over that of the score"
        yield name, spread / (spread + noise / n), "share of variance", doc, "parameter"
    if sums.get("survey pairs n", 0) > 1:
        yield "survey_retest", _retest(sums), "correlation", _RETEST, "parameter"
    nps = {
        g: 100
        * (counts[f"survey, {g}: promoters"] - counts[f"survey, {g}: detractors"])
        / counts[f"survey, {g}"]
        for g in ("asked", "finished")
    }
    yield (
        "survey_nps",
        nps["asked"],
        "points",
        "net promoters, had all who were asked answered",
        "these people",
    )
    doc = "net promoters of those who finished less those of all who were asked: what non-response does"
    yield "survey_nps_bias", nps["finished"] - nps["asked"], "points", doc, "plain"


_RETEST = (
    "of the same people's scores in two waves, expected: below the reliability, for moods and parcels change"
)


def _retest(sums: dict[str, float]) -> float:
    n, a, b, aa, bb, ab = (
        sums[f"survey pairs {k}"]
        for k in ("n", "first", "second", "first square", "second square", "product")
    )
    return (ab / n - a * b / n**2) / sqrt((aa / n - (a / n) ** 2) * (bb / n - (b / n) ** 2))
