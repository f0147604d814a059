"""The market survey: adults of all cities, most of whom are not customers; read by nobody but the survey itself.

A frame of people stands for the population; strata are drawn unevenly, and people answer unevenly, so that respondents
are not like the population, in ways that its margins tell. Types and attitudes differ by age and city. Some records are
spoilt: answers the codebook lacks, questions that should have been skipped, one answer all along, haste, and copies.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from growth.simulation import market_words as w
from growth.simulation import store
from growth.simulation.clock import DAY, Span
from growth.simulation.rng import Draws, Floats, Ints, pick_from
from growth.simulation.world import TYPES

WAVE, BEFORE = "market", 60  # days before the end
PART = 9_999
FRAME, EACH = 120_000, 1_000  # people in the frame, and how many of the population each stands for
ASKED = 6_000
TIERS = ("tier 1", "new tier 1", "tier 2", "other")
TIER_SHARE, DRAWN = (
    (0.10, 0.18, 0.22, 0.50),
    (0.35, 0.30, 0.20, 0.15),
)  # of people, and of those who are asked
AGE_BY_TIER = np.array(
    [[0.16, 0.30, 0.24, 0.20, 0.10], [0.14, 0.26, 0.23, 0.23, 0.14], [0.12, 0.21, 0.21, 0.27, 0.19],
     [0.11, 0.17, 0.19, 0.30, 0.23]]
)  # fmt: skip
ANSWERS_BY_AGE = (0.40, 0.34, 0.28, 0.22, 0.16)  # chance of answering when asked …
ANSWERS_BY_GENDER = (1.15, 0.85)  # … times
# Log odds of the types: price-sensitive, quality-seeking, individuality-seeking, convenience-seeking.
TYPE_BY_AGE = np.array([[0.3, -0.4, 0.8, 0.0], [0.0, 0.2, 0.4, 0.5], [0.1, 0.5, -0.2, 0.5], [0.6, 0.4, -0.9, 0.0],
                        [0.9, 0.2, -1.6, -0.5]])  # fmt: skip
TYPE_BY_TIER = np.array(
    [[-0.6, 0.3, 0.4, 0.4], [-0.2, 0.2, 0.1, 0.2], [0.1, 0.0, 0.0, 0.0], [0.4, -0.2, -0.3, -0.3]]
)
OWN, OTHERS, NOISE = 1.1, -0.35, 0.8  # of an attitude: of the own type's items, of others', and the rest
CUTS = np.array([-1.4, -0.5, 0.3, 1.2])
AWARE = np.array(
    [[0.55, 0.70, 0.40, 0.25], [0.45, 0.60, 0.45, 0.30], [0.50, 0.55, 0.55, 0.20], [0.60, 0.65, 0.30, 0.35]]
)
ONWARD = np.array(
    [[0.50, 0.55, 0.45, 0.40], [0.45, 0.60, 0.40, 0.35], [0.40, 0.45, 0.30, 0.35]]
)  # of the stage before
LIKES = np.array([0.35, 0.15, 0.0, -0.2])  # of brands, on the scale of recommendation
RECOMMENDS = np.array([-2.3, -2.0, -1.75, -1.5, -1.25, -0.9, -0.5, 0.0, 0.6, 1.2])
WORTH, WORTH_SPREAD = np.array([82.0, 112.0, 105.0, 98.0]), 0.28  # CNY a month's box, by type; log
NARROW = np.array([0.50, 0.75, 1.10, 1.45])  # the four prices over that worth
MAXDIFF_TASKS, SHOWN, CHOICE_TASKS, ALTERNATIVES = 6, 4, 8, 3
SPOILT = {"illegal": 0.01, "routing": 0.012, "straight": 0.02, "speeder": 0.02, "copy": 0.01}
INTERVIEWED, SEES, IMAGINES = (
    40,
    0.9,
    0.05,
)  # a coder's chance to see a theme that is there, and one that is not


@dataclass(frozen=True)
class Frame:
    """People of the frame: a row a person."""

    number: Ints
    tier: Ints
    age: Ints
    gender: Ints
    type: Ints


def frame(draws: Draws) -> Frame:
    """Return the people that the survey is about."""
    n = np.arange(FRAME)
    tier = draws.pick("market tier", TIER_SHARE, n)
    age = pick_from(AGE_BY_TIER, tier, draws.uniform("market age", n))
    gender = (draws.uniform("market gender", n) < 0.5).astype(np.int64)
    odds = np.exp(TYPE_BY_AGE[:, None, :] + TYPE_BY_TIER[None, :, :]).reshape(-1, 4)
    return Frame(
        n, tier, age, gender, pick_from(odds, age * len(TIERS) + tier, draws.uniform("market type", n))
    )


def worth(draws: Draws, f: Frame) -> Floats:
    """Return what a month's box is worth to each, CNY."""
    return np.asarray(WORTH[f.type] * np.exp(WORTH_SPREAD * draws.normal("market worth", f.number)))


def attitudes(draws: Draws, f: Frame) -> Ints:
    """Return answers 1 to 5, shape (people, items)."""
    topic = np.array([a[3] for a in w.ATTITUDES])
    turned = np.array([a[4] for a in w.ATTITUDES])
    latent = np.where(f.type[:, None] == topic[None, :], OWN, OTHERS)
    latent = latent + NOISE * draws.normal(
        "market attitude", f.number[:, None], np.arange(len(topic))[None, :]
    )
    said = np.searchsorted(CUTS, latent) + 1
    return np.asarray(np.where(turned[None, :], 6 - said, said))


def funnel(draws: Draws, f: Frame) -> NDArray[np.bool_]:
    """Return who knows, considers, bought and stays with each brand, shape (people, stages, brands)."""
    brands = np.arange(len(w.BRANDS))[None, :]
    reached = [draws.uniform("market aware", f.number[:, None], brands) < AWARE[f.type]]
    for k, chance in enumerate(ONWARD):
        reached.append(
            reached[-1] & (draws.uniform(f"market {w.STAGES[k + 1]}", f.number[:, None], brands) < chance)
        )
    return np.stack(reached, axis=1)


def recommends(draws: Draws, f: Frame) -> Ints:
    """Return what each would say of each brand, 0 to 10."""
    brands = np.arange(len(w.BRANDS))[None, :]
    latent = LIKES[None, :] + draws.normal("market recommends", f.number[:, None], brands)
    return np.searchsorted(RECOMMENDS, latent)


def respondents(draws: Draws, f: Frame) -> Ints:
    """Return the rows of those who are asked: drawn by stratum, each with its own chance."""
    chance = ASKED / FRAME * (np.array(DRAWN) / np.array(TIER_SHARE))[f.tier]
    return np.flatnonzero(draws.uniform("market asked", f.number) < chance)


def tables(draws: Draws, span: Span) -> dict[str, pa.Table]:
    """Return respondents, answers, choice tasks, interviews, and what is known of the population and the market."""
    f = frame(draws)
    rows = respondents(draws, f)
    asked = Frame(*(getattr(f, c)[rows] for c in ("number", "tier", "age", "gender", "type")))
    chance = np.array(ANSWERS_BY_AGE)[asked.age] * np.array(ANSWERS_BY_GENDER)[asked.gender]
    answers = draws.uniform("market answers", asked.number) < chance
    told = Frame(*(getattr(asked, c)[answers] for c in ("number", "tier", "age", "gender", "type")))
    spoilt = {k: draws.uniform(f"market {k}", told.number) < share for k, share in SPOILT.items()}
    return {
        "respondents": _respondent_table(draws, asked, answers, spoilt, span),
        "answers": _answer_table(draws, told, spoilt),
        "questions": _questions(),
        "choice_tasks": _task_table(draws, told),
        "notes": _notes(draws, told),
        "population": _population(f),
        "market_stats": _market_stats(span),
    }


def add(settings: Any, raw: Path, truth_: Path) -> None:
    """Write the survey of the market beside a platform's tables, as a part of its own, and its truth.

    The platform does not know of it: what is simulated keeps every byte.
    """
    draws = Draws(int(settings.seed))
    for name, table in tables(draws, Span.of(int(settings.months), None)).items():
        store.write(table, raw / name, PART)
    write_truth(truth_, draws)


def _respondent_table(
    draws: Draws, asked: Frame, answers: NDArray[np.bool_], spoilt: dict[str, NDArray[np.bool_]], span: Span
) -> pa.Table:
    base = (np.array(TIER_SHARE) / np.array(DRAWN))[asked.tier] * FRAME / ASKED * EACH
    at = np.full(asked.number.size, (span.now - BEFORE) * DAY + 10 * 3600)
    begun = at + (draws.uniform("market began", asked.number) * 6 * DAY).astype(np.int64)
    took = (420 + 480 * draws.uniform("market took", asked.number)).astype(np.int64)
    took[answers] = np.where(spoilt["speeder"], 60 + took[answers] // 20, took[answers])
    table = pa.table(
        {
            "respondent_id": store.ids("m", asked.number),
            "wave": store.labels((WAVE,), asked.number * 0),
            "customer_id": store.nothing(asked.number.size, pa.string()),
            "asked_at": store.times(at),
            "started_at": store.times(begun, ~answers),
            "finished_at": store.times(begun + took, ~answers),
            "stratum": store.labels(TIERS, asked.tier),
            "cluster": store.nothing(asked.number.size, pa.string()),
            "base_weight": pa.array(base),
        }
    )
    copies = np.flatnonzero(answers)[spoilt["copy"]]
    twin = table.take(pa.array(copies)).set_column(
        0, "respondent_id", store.ids("m", asked.number[copies] + FRAME)
    )
    return pa.concat_tables([table, twin])


class _Answers:
    """Columns of answers, filled question by question."""

    def __init__(self, number: Ints) -> None:
        self.number = number
        self.parts: list[tuple[Ints, str, str, Any, Floats]] = []

    def add(self, question: str, item: str, value: Any, option: Any = None, who: Any = None) -> None:
        """Add an item's answers; option: labels, or None."""
        rows = np.arange(self.number.size) if who is None else np.flatnonzero(who)
        values = np.full(rows.size, np.nan) if value is None else np.asarray(value, float)[rows]
        options = [None] * rows.size if option is None else [option[i] for i in rows]
        self.parts.append((rows, question, item, options, values))

    def table(self) -> pa.Table:
        """Return all of them, copies of spoilt respondents not yet among them."""
        rows = np.concatenate([p[0] for p in self.parts])
        value = np.concatenate([p[4] for p in self.parts])
        return pa.table(
            {
                "respondent_id": store.ids("m", self.number[rows]),
                "wave": store.labels((WAVE,), rows * 0),
                "question": pa.array([p[1] for p in self.parts for _ in p[0]], pa.string()),
                "item": pa.array([p[2] for p in self.parts for _ in p[0]], pa.string()),
                "option": pa.array([o for p in self.parts for o in p[3]], pa.string()),
                "value": pa.array(value, mask=np.isnan(value)),
            }
        )


def _answer_table(draws: Draws, f: Frame, spoilt: dict[str, NDArray[np.bool_]]) -> pa.Table:
    a = _Answers(f.number)
    for name, labels, code in (
        ("age", w.AGES, f.age),
        ("gender", w.GENDERS, f.gender),
        ("tier", TIERS, f.tier),
    ):
        a.add("profile", name, None, [labels[c] for c in code])
    said = attitudes(draws, f)
    same = 1 + (4 * draws.uniform("market same", f.number)).astype(np.int64)
    said = np.where(spoilt["straight"][:, None], same[:, None], said)
    said[:, 4] = np.where(spoilt["illegal"], 9, said[:, 4])
    for j, (item, *_) in enumerate(w.ATTITUDES):
        a.add("attitude", item, said[:, j])
    reached, likes = funnel(draws, f), recommends(draws, f)
    for b, brand in enumerate(w.BRANDS):
        shown = np.ones(f.number.size, bool)
        for k, stage in enumerate(w.STAGES):
            extra = (stage == "bought") & (b == 0) & spoilt["routing"] & ~shown
            a.add(stage, brand, reached[:, k, b] | extra, who=shown | extra)
            shown = reached[:, k, b]
        a.add("brand_recommend", brand, likes[:, b], who=reached[:, 2, b])
    value = worth(draws, f)
    wobble = np.exp(0.06 * draws.normal("market price", f.number[:, None], np.arange(4)[None, :]))
    four = np.round(value[:, None] * NARROW[None, :] * wobble)
    for j, item in enumerate(w.PRICES):
        a.add("price", item, four[:, j])
    for offer in w.OFFERS:
        a.add("buy_at", str(offer), value >= offer)
    for j, feature in enumerate(w.FEATURES):
        _kano(draws, a, f, j, feature)
    wish = draws.pick("market wish", (0.3, 0.3, 0.2, 0.2), f.number)
    text = (4 * draws.uniform("market words", f.number)).astype(np.int64)
    a.add("wish", "open", None, [w.WISHES[t][1][k] for t, k in zip(wish, text, strict=True)])
    table = a.table()
    copied = store.ids("m", f.number[spoilt["copy"]])
    again = table.filter(pa.compute.is_in(table["respondent_id"], copied))
    moved = [f"m{int(i[1:]) + FRAME:07d}" for i in again["respondent_id"].to_pylist()]
    return pa.concat_tables([table, again.set_column(0, "respondent_id", pa.array(moved, pa.string()))])


# Answers to "with it" and "without it" (1 like, 2 expect, 3 neutral, 4 live with, 5 dislike) by what a feature is.
_WITH, _WITHOUT = np.array([2, 1, 1, 3, 5]), np.array([5, 5, 3, 3, 1])


def _kano(draws: Draws, a: _Answers, f: Frame, j: int, feature: str) -> None:
    kind = pick_from(np.array([w.KANO[feature]]), 0, draws.uniform("market kano", f.number, j))
    a.add("kano_with", feature, _WITH[kind])
    a.add("kano_without", feature, _WITHOUT[kind])


def _questions() -> pa.Table:
    """Return the codebook."""
    rows: list[tuple[Any, ...]] = []
    for item, labels in (("age", w.AGES), ("gender", w.GENDERS), ("tier", TIERS)):
        rows.append(("profile", item, "single", None, None, ";".join(labels), False, None, None, item, item))
    for item, english, chinese, kind, turned in w.ATTITUDES:
        rows.append(("attitude", item, "scale", 1, 5, None, turned, TYPES[kind], None, english, chinese))
    for question, items, answer, low, high, after, english, chinese in w.ASKED:
        rows += [
            (question, i, answer, low, high, None, False, None, after, english.format(i), chinese.format(i))
            for i in items
        ]
    for question, english, chinese in (("kano_with", "How is it with {}?", "有{}您觉得如何？"),
                                       ("kano_without", "How is it without {}?", "没有{}您觉得如何？")):  # fmt: skip
        rows += [
            (question, i, "scale", 1, 5, None, False, None, None, english.format(i), chinese.format(i))
            for i in w.FEATURES
        ]
    rows.append(
        (
            "wish",
            "open",
            "open",
            None,
            None,
            None,
            False,
            None,
            None,
            "What should get better?",
            "您希望改进什么？",
        )
    )
    names = (
        "question",
        "item",
        "kind",
        "low",
        "high",
        "levels",
        "reversed",
        "topic",
        "asked_if",
        "english",
        "chinese",
    )
    kinds = {"low": pa.float64(), "high": pa.float64(), "reversed": pa.bool_()}
    columns = {n: pa.array([r[i] for r in rows], kinds.get(n, pa.string())) for i, n in enumerate(names)}
    return pa.table(columns | {"missing": store.nothing(len(rows), pa.string())})


def _task_table(draws: Draws, f: Frame) -> pa.Table:
    """Return the tasks: of needs the best and the worst of four, of offers the best of three or none."""
    return pa.concat_tables([_maxdiff(draws, f), _choices(draws, f)])


def _maxdiff(draws: Draws, f: Frame) -> pa.Table:
    n, many = f.number.size, len(w.NEEDS)
    task = np.arange(MAXDIFF_TASKS)
    order = draws.uniform(
        "market shown", f.number[:, None, None], (task[:, None] * many + np.arange(many))[None]
    )
    shown = np.argsort(order, axis=2)[:, :, :SHOWN]
    value = np.array([v for _, v in w.NEEDS])[shown]
    key = (task[:, None] * SHOWN + np.arange(SHOWN))[None]
    best = (value + draws.gumbel("market best", f.number[:, None, None], key)).argmax(axis=2)
    left = np.where(
        np.arange(SHOWN) == best[..., None],
        -np.inf,
        -value + draws.gumbel("market worst", f.number[:, None, None], key),
    )
    worst = left.argmax(axis=2)
    place = np.arange(SHOWN)[None, None, :]
    chosen = (place == best[..., None]) * 1 - (place == worst[..., None]) * 1
    who, t, _ = np.indices(shown.shape)
    return _tasks("needs", f.number[who.ravel()], t.ravel(), np.tile(np.arange(SHOWN), n * MAXDIFF_TASKS),
                  [w.NEEDS[i][0] for i in shown.ravel()], np.full(shown.size, np.nan), chosen.ravel())  # fmt: skip


def _choices(draws: Draws, f: Frame) -> pa.Table:
    task, place = np.arange(CHOICE_TASKS), np.arange(ALTERNATIVES)
    key = (task[:, None] * ALTERNATIVES + place)[None]
    who = f.number[:, None, None]
    value, words = np.zeros((f.number.size, CHOICE_TASKS, ALTERNATIVES)), []
    for name, levels in w.ATTRIBUTES.items():
        level = (len(levels) * draws.uniform(f"market {name}", who, key)).astype(np.int64)
        value = value + np.array([v for _, v in levels])[level]
        words.append(np.array([f"{name}={label}" for label, _ in levels])[level].ravel())
    price = np.array(w.PRICE_LEVELS)[
        (len(w.PRICE_LEVELS) * draws.uniform("market offer", who, key)).astype(np.int64)
    ]
    value = value + w.PER_HUNDRED * price / 100 + draws.gumbel("market choice", who, key)
    none = w.NONE_WORTH + draws.gumbel("market none", f.number[:, None], task[None])
    best = np.where(none > value.max(axis=2), -1, value.argmax(axis=2))
    chosen = (place[None, None] == best[..., None]) * 1
    text = ["; ".join(parts) for parts in zip(*words, strict=True)]
    person, t, k = np.indices(price.shape)
    return _tasks(
        "offers", f.number[person.ravel()], t.ravel(), k.ravel(), text, price.ravel(), chosen.ravel()
    )


def _tasks(
    kind: str, number: Ints, task: Ints, place: Ints, levels: list[str], price: Floats, chosen: Ints
) -> pa.Table:
    return pa.table(
        {
            "respondent_id": store.ids("m", number),
            "wave": store.labels((WAVE,), number * 0),
            "kind": store.labels((kind,), number * 0),
            "task": store.ints(task + 1),
            "alternative": store.ints(place + 1),
            "levels": pa.array(levels, pa.string()),
            "price": pa.array(price, mask=np.isnan(price)),
            "chosen": store.ints(chosen),
        }
    )


def _notes(draws: Draws, f: Frame) -> pa.Table:
    """Return what two coders found in the interviews of some: a row where a coder saw a theme."""
    who = f.number[:INTERVIEWED]
    theme = np.arange(len(w.THEMES))
    there = draws.uniform("market theme", who[:, None], theme[None]) < np.array(w.PREVALENCE)
    rows = []
    for coder in range(2):
        u = draws.uniform("market coder", who[:, None], (coder * len(theme) + theme)[None])
        saw = np.where(there, u < SEES, u < IMAGINES)
        rows += [(int(who[i]), coder, int(j)) for i, j in zip(*np.nonzero(saw), strict=True)]
    number, coder_, kind = (np.array(c, np.int64) for c in zip(*rows, strict=True))
    return pa.table(
        {
            "respondent_id": store.ids("m", number),
            "coder": store.labels(("coder 1", "coder 2"), coder_),
            "theme": store.labels(w.THEMES, kind),
            "quote": pa.array([f"on {w.THEMES[k]}: …" for k in kind], pa.string()),
        }
    )


def _population(f: Frame) -> pa.Table:
    """Return the margins of city and of gender, and the joint cells of city and age: thousands of people in truth."""
    rows: list[tuple[str, str, str | None, str | None, int]] = []
    rows += [("gender", g, None, None, int((f.gender == k).sum())) for k, g in enumerate(w.GENDERS)]
    for t, tier in enumerate(TIERS):
        own = f.age[f.tier == t]
        rows += [("tier", tier, "age", age, int((own == k).sum())) for k, age in enumerate(w.AGES)]
    names = ("variable", "level", "variable_2", "level_2")
    columns = {c: pa.array([r[i] for r in rows], pa.string()) for i, c in enumerate(names)}
    return pa.table(columns | {"people": pa.array([r[4] * EACH for r in rows], pa.int64())})


def _market_stats(span: Span) -> pa.Table:
    """Return what publications say of the market, each with the range that its source leaves open."""
    year = 2025
    rows = [
        ("people who buy online", "all", year, 0.78, 0.74, 0.82, "share of adults"),
        ("spend on such goods a buyer", "all", year, 620.0, 540.0, 710.0, "CNY a year"),
        ("part that our assortment serves", "all", year, 0.35, 0.28, 0.42, "share of spend"),
        ("market growth", "all", year, 0.085, 0.06, 0.11, "share a year"),
        *[
            (f"sales of {b}", b, year, v, v * 0.9, v * 1.1, "million CNY a year")
            for b, v in zip(w.BRANDS[1:], (2_900.0, 1_450.0, 620.0), strict=True)
        ],
        ("mobile share of sales", "all", year, 0.81, 0.78, 0.84, "share"),
        ("social share of sales", "all", year, 0.17, 0.13, 0.21, "share"),
    ]
    names = ("name", "segment", "year", "value", "low", "high", "unit")
    columns: dict[str, Any] = {c: pa.array([r[i] for r in rows]) for i, c in enumerate(names)}
    return pa.table(columns | {"source": pa.array(["made up, with the platform"] * len(rows))})


def truth(draws: Draws) -> dict[str, Any]:
    """Return what all people of the frame would have said, and the parameters of choices."""
    f = frame(draws)
    said, reached, likes = attitudes(draws, f), funnel(draws, f), recommends(draws, f)
    value = worth(draws, f)
    rows = respondents(draws, f)
    out: dict[str, Any] = {"people": FRAME * EACH, "asked": int(rows.size)}
    out["types"] = [float(np.mean(f.type == k)) for k in range(4)]
    out["agrees"] = {a[0]: float(np.mean(said[:, j] >= 4)) for j, a in enumerate(w.ATTITUDES)}
    out["funnel"] = {
        b: [float(reached[:, k, j].mean()) for k in range(len(w.STAGES))] for j, b in enumerate(w.BRANDS)
    }
    out["promoters"] = {
        b: 100 * float(np.mean(likes[reached[:, 2, j], j] >= 9) - np.mean(likes[reached[:, 2, j], j] <= 6))
        for j, b in enumerate(w.BRANDS)
    }
    out["buys_at"] = {str(p): float(np.mean(value >= p)) for p in w.OFFERS}
    out["worth"] = {"median": float(np.median(value))}
    out["needs"] = dict(w.NEEDS)
    out["part_worths"] = {a: dict(v) for a, v in w.ATTRIBUTES.items()} | {"per 100 CNY": w.PER_HUNDRED}
    out["kano"] = {k: list(v) for k, v in w.KANO.items()}
    out["themes"] = dict(zip(w.THEMES, w.PREVALENCE, strict=True))
    return out


def write_truth(folder: Path, draws: Draws) -> None:
    """Write what only checks read: ``market.json``, and the type of every respondent."""
    (folder / "market.json").write_text(json.dumps(truth(draws), indent=1, sort_keys=True) + "\n", "utf-8")
    f = frame(draws)
    rows = respondents(draws, f)
    types = pa.table({"respondent_id": store.ids("m", f.number[rows]), "type": store.ints(f.type[rows])})
    store.write_file(types, folder / "market_types.parquet")
