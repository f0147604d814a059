"""Judge every estimator by coverage and false positives: `make calibrate`; `--check` says when results are stale,
`--stale` judges only those.

The rule (docs/architecture.md): nominal 95 % is met when the exact 99 % interval of the observed coverage,
Bonferroni-corrected over the quantities of its family, touches [.94, .96]; a false-positive rate of 5 % likewise
with [.04, .06]. A study may name a narrower band, or one that starts at 0 where too few false positives do no harm.
Seeds are fixed here, before the first run.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import inspect
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import beta

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import growth  # noqa: E402, F401  (pins the processor before NumPy is imported)
from calibration import (  # noqa: E402
    behaviour,
    channels,
    channels_paths,
    cohorts,
    experiments,
    leaving,
    market_choices,
    market_segments,
    market_weights,
    price,
    price_decisions,
    price_stock,
    promotions,
    retention,
)
from growth.report.sources import closure, shape  # noqa: E402

RESULTS = Path(__file__).with_name("results.json")
REPLICATES = 2000


@dataclass(frozen=True)
class Study:
    """A family of quantities: `draw(seed)` returns, for each, whether it hit; `band` is what the rate must touch.

    `ready` says whether the data that it draws from are here; without them its stored result stays.
    """

    draw: Callable[[int], dict[str, bool]]
    modules: tuple[str, ...]
    seed: int
    band: tuple[float, float]
    replicates: int = REPLICATES
    ready: Callable[[], bool] = lambda: True


def exact_interval(hits: int, trials: int, confidence: float) -> tuple[float, float]:
    """Clopper and Pearson's interval (1934)."""
    tail = (1 - confidence) / 2
    low = float(beta.ppf(tail, hits, trials - hits + 1)) if hits else 0.0
    high = float(beta.ppf(1 - tail, hits + 1, trials - hits)) if hits < trials else 1.0
    return low, high


COVERED, FALSE = (0.94, 0.96), (0.04, 0.06)
CONTRAST = ("growth.stats.contrast", "growth.stats.moments")
SEQUENTIAL = (*CONTRAST, "growth.stats.sequential")
MONEY = (
    "growth.promotions.design", "growth.promotions.effect", "growth.promotions.money", "growth.stats.adjust", *CONTRAST
)  # fmt: skip
SEGMENTS = ("growth.promotions.segments", "growth.stats.many", *CONTRAST)
CHECKS = ("growth.promotions.validity", "growth.stats.samples", "growth.stats.adjust", "growth.stats.moments")
PURCHASES = ("growth.stats.purchase", "growth.stats.likelihood", "growth.stats.visits")
LEAVING = ("growth.retention.leaving", "growth.stats.survival")
RATIOS = ("growth.retention.leaving_ratios", "growth.stats.cox", *LEAVING)
UPLIFT = ("growth.retention.uplift", *CONTRAST)
TWO_WAY = ("growth.price.twoway", "growth.price.scores")
DECIDED = ("growth.price.recommend", "growth.price.profit")
ONE_IN_100, ONE_IN_1000 = (0.008, 0.012), (0.0008, 0.0012)
STUDIES = {
    "retention intervals": Study(
        cohorts.retention_curve, ("growth.retention.model", "growth.stats.proportions"), 61_000_000, COVERED
    ),
    "test of equal cohorts": Study(cohorts.same_cohorts, ("growth.stats.proportions",), 62_000_000, FALSE),
    # The margins are taken as known and counts are whole: fewer false ones than 5 %.
    "pairs that ignore each other": Study(
        behaviour.uneven_baskets, ("growth.behaviour.baskets", "growth.stats.many"), 141_000_000, (0.0, 0.05)
    ),
    "people as clusters": Study(
        behaviour.people_as_clusters,
        ("growth.behaviour.funnel", "growth.behaviour.visits", "growth.stats.ratios", *CONTRAST),
        142_000_000,
        COVERED,
    ),
    "no effect on spend": Study(
        experiments.no_effect, (*CONTRAST, "growth.stats.adjust"), 63_000_000, FALSE, 10_000, experiments.here
    ),
    "lift of spend": Study(experiments.lifts, CONTRAST, 64_000_000, COVERED, 10_000, experiments.here),
    "users with sessions": Study(experiments.clustered, CONTRAST, 65_000_000, FALSE, 10_000),
    "planned looks": Study(
        experiments.planned_looks, SEQUENTIAL, 66_000_000, (0.044, 0.056), 10_000, experiments.here
    ),
    "a look every day": Study(
        experiments.every_day, SEQUENTIAL, 67_000_000, (0.0, 0.05), 2000, experiments.here
    ),
    "what a coupon earns": Study(promotions.what_a_coupon_earns, MONEY, 68_000_000, COVERED),
    "sample ratio, warning": Study(promotions.ratio_warns, CHECKS, 69_000_000, ONE_IN_100, 10_000),
    "sample ratio, no decision": Study(promotions.ratio_stops, CHECKS, 70_000_000, ONE_IN_1000, 10_000),
    "balance before, warning": Study(promotions.balance_warns, CHECKS, 71_000_000, ONE_IN_100, 5_000),
    "balance before, no decision": Study(promotions.balance_stops, CHECKS, 72_000_000, ONE_IN_1000, 5_000),
    "one effect for all": Study(promotions.same_for_all, SEGMENTS, 73_000_000, FALSE),
    # Bonferroni allows for any dependence, and levels of three segments are of the same customers: more than 95 %.
    "all levels together": Study(promotions.all_levels, SEGMENTS, 74_000_000, (0.94, 1.0)),
    # A false "targeting pays" costs money, a missed one what one had: at most 5 %, as few as may be.
    "nothing to aim at": Study(promotions.nothing_to_aim_at, SEGMENTS, 75_000_000, (0.0, 0.05)),
    # The halves' correlation is bounded from above (segments.SHARED): where nothing is in doubt, more than 95 %.
    "value of aiming": Study(promotions.aimed, SEGMENTS, 76_000_000, (0.94, 1.0)),
    "purchase models": Study(retention.purchase_models, PURCHASES, 77_000_000, COVERED, 1000),
    "Pareto/NBD": Study(
        retention.leaving_at_any_time, ("growth.stats.pareto", *PURCHASES), 89_000_000, COVERED, 400
    ),
    "spend model": Study(
        retention.spend_model, ("growth.stats.spend", *PURCHASES), 78_000_000, COVERED, 1000
    ),
    "lift by lot": Study(retention.one_lift, UPLIFT, 90_000_000, COVERED, 400),
    "one lift for all": Study(retention.equal_lifts, UPLIFT, 91_000_000, FALSE, 400),
    "nothing to gain by aiming": Study(retention.no_aim, UPLIFT, 92_000_000, FALSE, 400),
    "held-out bias": Study(
        retention.held_out_bias, ("growth.retention.worth", *PURCHASES), 79_000_000, COVERED
    ),
    "quick ratio": Study(retention.quick_ratio, ("growth.retention.accounting",), 80_000_000, COVERED),
    "cohort value": Study(retention.cohort_value, ("growth.retention.windows",), 81_000_000, COVERED),
    # Those who come often come in every period, so that periods are alike: fewer false ones than 5 %.
    "peaks and troughs": Study(cohorts.no_cycle, ("growth.retention.cycle",), 88_000_000, (0.0, 0.05), 400),
    "survival": Study(leaving.share_and_half, LEAVING, 82_000_000, COVERED),
    "restricted means": Study(leaving.restricted_difference, LEAVING, 83_000_000, COVERED),
    "hazard ratios": Study(leaving.hazard_ratios, RATIOS, 84_000_000, COVERED),
    "no difference between segments": Study(
        leaving.nothing_between, ("growth.stats.many", *LEAVING), 85_000_000, FALSE
    ),
    "hazards are proportional": Study(leaving.proportional, RATIOS, 86_000_000, FALSE),
    "stated reasons": Study(
        leaving.stated_reasons, ("growth.retention.leaving_reasons", *LEAVING), 87_000_000, COVERED
    ),
    "two-way clusters": Study(price.two_way_clusters, TWO_WAY, 93_000_000, COVERED),
    "Poisson with zeros": Study(price.poisson_zeros, ("growth.price.poisson", *TWO_WAY), 94_000_000, COVERED),
    "weak instruments": Study(
        price.weak_instruments, ("growth.price.instruments", *TWO_WAY), 95_000_000, COVERED
    ),
    "own and others' prices": Study(
        price.own_and_others,
        ("growth.price.together", "growth.price.poisson", *TWO_WAY),
        106_000_000,
        COVERED,
        400,
    ),
    "pooled slopes": Study(price.pooled_slopes, ("growth.price.pooling", *TWO_WAY), 96_000_000, COVERED, 400),
    "demand where stock ran out": Study(
        price.sold_out, ("growth.price.censored", "growth.price.poisson", *TWO_WAY), 97_000_000, COVERED, 400
    ),
    "forecast of a day": Study(
        price_decisions.forecast_intervals, ("growth.price.forecast",), 98_000_000, COVERED, 400
    ),
    # Small counts are whole: an interval that ends on whole numbers holds more than it must.
    "forecast of small counts": Study(
        price_decisions.forecast_intervals_of_counts, ("growth.price.forecast",), 99_000_000, (0.94, 1.0), 400
    ),
    "best price": Study(price_decisions.recommended_price, DECIDED, 100_000_000, COVERED),
    "probability of a gain": Study(price_decisions.probability_of_gain, DECIDED, 101_000_000, (0.48, 0.52)),
    "interval of a gain": Study(price_decisions.interval_of_gain, DECIDED, 102_000_000, COVERED),
    # A price is changed where a gain is probable enough: at most one in ten may lose.
    "sure gains": Study(price_decisions.sure_gains, DECIDED, 103_000_000, (0.0, 0.1)),
    "demand is met": Study(price_decisions.served, ("growth.price.stock",), 104_000_000, COVERED),
    # Few days do not tell a level that stays from one that wanders: where it stays, the interval is wider than needed.
    "forecast of four weeks": Study(
        price_stock.forecast_totals, ("growth.price.forecast",), 110_000_000, (0.94, 1.0), 400
    ),
    "demand is met where weeks are alike": Study(
        price_stock.served_where_weeks_are_alike,
        ("growth.price.service", "growth.price.stock"),
        111_000_000,
        COVERED,
        400,
    ),
    "shares of credit": Study(
        channels_paths.shares,
        ("growth.channels.sampling", "growth.channels.markov", "growth.channels.rules"),
        140_000_000,
        COVERED,
        400,
    ),
    # Structure that is none is to be claimed rarely: at most 8 %, as few as may be.
    **{
        name: Study(draw, modules, seed, (0.0, 0.08), replicates)
        for name, (draw, modules, seed, replicates) in market_segments.STUDIES.items()
    },
    **{
        name: Study(draw, modules, seed, COVERED, replicates)
        for name, (draw, modules, seed, replicates) in market_choices.STUDIES.items()
    },
    **{
        name: Study(draw, modules, seed, COVERED if kind == "covered" else FALSE, replicates)
        for name, (draw, modules, seed, kind, replicates) in [
            *market_weights.STUDIES.items(),
            *channels.STUDIES.items(),
        ]
    },
}


def code(study: Study) -> str:
    """Return a hash of what a study's result hangs on: the code judged, its generator's file, its size, the rule."""
    modules = {m: h for m, h in closure(list(study.modules)).items() if m in study.modules}
    sources = [Path(inspect.getfile(study.draw)).read_text(encoding="utf-8")]
    sources += [inspect.getsource(f) for f in (exact_interval, judge)]
    own = [shape(ast.parse(text)) for text in sources]
    text = json.dumps([modules, own, study.seed, study.replicates, study.band], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def judge(study: Study, replicates: int) -> dict[str, Any]:
    """Run a study; return each quantity's rate, its exact interval and whether it meets the rule."""
    draws = [study.draw(study.seed + i) for i in range(replicates)]
    names = list(draws[0])
    confidence = 1 - 0.01 / len(names)
    found = {}
    for name in names:
        hits = int(np.sum([d[name] for d in draws]))
        low, high = exact_interval(hits, replicates, confidence)
        met = low <= study.band[1] and high >= study.band[0]
        found[name] = dict(rate=hits / replicates, low=round(low, 6), high=round(high, 6), met=met)
    return found


def stale(stored: dict[str, Any]) -> list[str]:
    """Return the studies whose stored results judge other code than there is now."""
    return [name for name, study in STUDIES.items() if stored.get(name, {}).get("code") != code(study)]


def _store(stored: dict[str, Any]) -> None:
    """Write the results of the studies that there are."""
    kept = {name: stored[name] for name in STUDIES if name in stored}
    RESULTS.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n")


def main(arguments: list[str]) -> int:
    """Run all studies and store them; ``--check`` only says which are stale, ``--stale`` runs those alone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--stale", action="store_true")
    asked = parser.parse_args(arguments)
    stored = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    old = stale(stored)
    if asked.check:
        print(
            f"stale, run `make calibrate`: {', '.join(old)}" if old else "calibration results are up to date"
        )
        return bool(old)
    for name, study in STUDIES.items():
        if asked.stale and name not in old:
            continue
        if not study.ready():
            print(f"{name:24} skipped, its data are not here (GROWTH_DATASETS); the stored result stays")
            continue
        stored[name] = dict(
            code=code(study),
            replicates=study.replicates,
            band=study.band,
            found=judge(study, study.replicates),
        )
        _store(stored)  # a run that is broken off loses one study, not all
        for quantity, result in stored[name]["found"].items():
            verdict = "met" if result["met"] else "NOT MET"
            print(
                f"{name:24} {quantity:36} {result['rate']:.4f} [{result['low']:.4f}, {result['high']:.4f}] {verdict}"
            )
    _store(stored)
    return not all(r["met"] for n in STUDIES if n in stored for r in stored[n]["found"].values())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
