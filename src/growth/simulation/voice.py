"""The survey: who is asked, who answers, and what; read off lives that are already lived, so that nothing else moves.

Satisfaction has a part that stays with the person (most of it the very patience behind the loss rate), a mood of the
wave, and a late parcel takes off it. Items show it with noise, on scales. The satisfied answer more often, so that the
answers speak of those who answered; the truth knows what all who were asked would have said.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.special import ndtri

from growth.simulation import clubs, store
from growth.simulation.browse import Visits
from growth.simulation.clock import DAY, date_of
from growth.simulation.life import Lives, Memory, Scene
from growth.simulation.people import HUMAN
from growth.simulation.rng import Floats, Ints

SATISFACTION, RECOMMEND = "satisfaction", "recommend"
ITEMS = ((SATISFACTION, "delivery"), (SATISFACTION, "products"), (SATISFACTION, "service"),
         (SATISFACTION, "overall"), (RECOMMEND, "shop"))  # fmt: skip
LOWEST = np.array([1, 1, 1, 1, 0])
BEGUN = 2  # items answered by those who break off
HOUR = 10 * 3600  # of the day, when the question goes out


@dataclass(frozen=True)
class Wave:
    """Those asked in one round: a row a person.

    Parameters
    ----------
    name : str
    asked : int
        Local second.
    who : ndarray of int
    mean : ndarray, shape (n, items)
        Of each item's latent value.
    value : ndarray of int, shape (n, items)
        What each would say, answered or not.
    answers, finishes : ndarray of bool
    """

    name: str
    asked: int
    who: Ints
    mean: Floats
    value: Ints
    answers: NDArray[np.bool_]
    finishes: NDArray[np.bool_]


def cuts(scene: Scene) -> tuple[Floats, ...]:
    """Return the thresholds of each item: so many of them are passed, so many steps is the answer above the lowest."""
    v = scene.world.voice
    return tuple(np.array(v.satisfied if q == SATISFACTION else v.recommends) for q, _ in ITEMS)


def waves(scene: Scene, lives: Lives, memory: Memory, v: Visits) -> list[Wave]:
    """Return the rounds of asking that lie within the span."""
    span = scene.state.span
    days = [span.now - before for before in scene.world.voice.days_before]
    gone = clubs.goodbyes(scene, lives, memory, v)
    closed = np.full(len(scene.people), span.end_second)
    closed[gone.who] = gone.at
    return [_wave(scene, lives, memory, closed, k, day) for k, day in enumerate(days) if day > span.first]


def _wave(scene: Scene, lives: Lives, memory: Memory, closed: Ints, k: int, day: int) -> Wave:
    """Ask those who bought lately under an account that is still there; half of them are drawn, once for all waves."""
    w, people, draws = scene.world.voice, scene.people, scene.draws
    o: dict[str, Any] = lives.joined("orders")
    placed = o["placed"] // DAY
    lately = ~o["cancelled"] & (memory.sign_up[o["who"]] <= o["key"])
    lately &= (placed < day) & (placed >= day - w.bought_within)
    mine = np.bincount(o["who"][lately], minlength=len(people)) > 0
    mine &= (people.kind == HUMAN) & (closed >= day * DAY)
    who = np.flatnonzero(mine & (draws.uniform("asked", people.number) < w.asked))
    waited = o["late"] & (o["delivered"] < day * DAY) & (o["delivered"] >= (day - w.grudge) * DAY)
    late = np.bincount(o["who"][waited], minlength=len(people))[who] > 0
    number = people.number[who]
    liking = _liking(scene, number, k) - w.late * late
    mean = w.loading * liking[:, None] - w.late_delivery * late[:, None] * (np.arange(len(ITEMS)) == 0)
    noise = draws.normal("item", number[:, None], k * len(ITEMS) + np.arange(len(ITEMS))[None, :])
    seen = mean + np.sqrt(1 - w.loading**2) * noise
    value = np.stack([np.searchsorted(cut, seen[:, j]) for j, cut in enumerate(cuts(scene))], axis=1) + LOWEST
    willing = 1 / (1 + np.exp(-(w.answers + w.answers_liking * liking)))
    answers = draws.uniform("answers", number, k) < willing
    finishes = answers & (draws.uniform("breaks off", number, k) >= w.breaks_off)
    return Wave(f"{date_of(day):%Y-%m}", day * DAY + HOUR, who, mean, value, answers, finishes)


def _liking(scene: Scene, number: Ints, k: int) -> Floats:
    """Return satisfaction without what lately went wrong: of mean 0 and variance 1 among all people."""
    w, draws = scene.world.voice, scene.draws
    patient = ndtri(1 - draws.uniform("loss rate", number))  # the very draw behind the loss rate
    stable = w.patience * patient + np.sqrt(1 - w.patience**2) * draws.normal("satisfied", number)
    out: Floats = np.sqrt(1 - w.mood**2) * stable + w.mood * draws.normal("mood", number, k)
    return out


def tables(scene: Scene, lives: Lives, memory: Memory, v: Visits) -> dict[str, pa.Table]:
    """Return respondents and answers."""
    found = waves(scene, lives, memory, v)
    return {
        "respondents": pa.concat_tables(
            [_nobody(), *(_respondents(scene, k, w) for k, w in enumerate(found))]
        ),
        "answers": pa.concat_tables([_nothing(), *(_answers(scene, w) for w in found)]),
    }


def _respondents(scene: Scene, k: int, wave: Wave) -> pa.Table:
    number, w = scene.people.number[wave.who], scene.world.voice
    wait = np.minimum(scene.draws.exponential("answer day", number, k) * w.answer_days, 6.9) * DAY
    started = wave.asked + wait.astype(np.int64)
    took = (60 + 240 * scene.draws.uniform("answer time", number, k)).astype(np.int64)
    none = store.nothing(number.size, pa.string())
    return pa.table(
        {
            "respondent_id": store.ids("r", number),
            "wave": store.labels((wave.name,), number * 0),
            "customer_id": store.ids("c", number),
            "asked_at": store.times(number * 0 + wave.asked),
            "started_at": store.times(started, ~wave.answers),
            "finished_at": store.times(started + took, ~wave.finishes),
            "stratum": none,
            "cluster": none,
            "base_weight": pa.array(np.full(number.size, 1 / w.asked)),
        }
    )


def _answers(scene: Scene, wave: Wave) -> pa.Table:
    item = np.arange(len(ITEMS))[None, :]
    given = wave.answers[:, None] & (wave.finishes[:, None] | (item < BEGUN))
    row, which = np.nonzero(given)
    return pa.table(
        {
            "respondent_id": store.ids("r", scene.people.number[wave.who[row]]),
            "wave": store.labels((wave.name,), row * 0),
            "question": store.labels([q for q, _ in ITEMS], which),
            "item": store.labels([i for _, i in ITEMS], which),
            "option": store.nothing(row.size, pa.string()),
            "value": pa.array(wave.value[row, which].astype(np.float64)),
        }
    )


def _nobody() -> pa.Table:
    """Return the table of respondents without a row: a span may be too short for any wave."""
    text = ("respondent_id", "wave", "customer_id")
    moments = ("asked_at", "started_at", "finished_at")
    columns = {c: pa.string() for c in text} | {c: store.TIME for c in moments}
    columns |= {"stratum": pa.string(), "cluster": pa.string(), "base_weight": pa.float64()}
    return pa.schema(columns.items()).empty_table()


def _nothing() -> pa.Table:
    """Return the table of answers without a row."""
    columns = {c: pa.string() for c in ("respondent_id", "wave", "question", "item", "option")}
    return pa.schema([*columns.items(), ("value", pa.float64())]).empty_table()
