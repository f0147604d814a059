"""Creators and their campaigns: who they are, what they cost, and what they truly do.

One campaign runs at a time, two weeks each, in a fixed order. What a creator brings is the share of the shop's own
customers who follow it times what a campaign does to a follower's visits. Neither is known to the shop, which sees
the size of the audience, how much of it is like its customers, how much looks bought, and the tone of the comments:
together these say much, the size alone misleads, and the fee follows the size.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from growth.simulation import store
from growth.simulation.clock import day_of
from growth.simulation.rng import Ints

FIRST, DAYS = day_of(date(2024, 7, 8)), 14


class Creator(NamedTuple):
    """A creator: what can be seen, and, last, what cannot."""

    id: str
    name: str
    platform: str
    format: str
    followers: int  # in thousands
    match: float
    suspicious: float
    tone: float
    follow: float  # share of the shop's customers who follow
    share: float  # of a follower's visits, while a campaign runs, that would not come without it


# In the order in which their campaigns run, again and again.
CREATORS: tuple[Creator, ...] = (
    Creator("k04", "阿酷开箱", "douyin", "video", 1500, 0.08, 0.45, 0.10, 0.09, 0.02),
    Creator("k10", "老陈挑刺", "bilibili", "video", 800, 0.10, 0.35, -0.30, 0.07, 0.0),
    Creator("k11", "周末露营社", "xiaohongshu", "post", 450, 0.22, 0.12, 0.45, 0.12, 0.12),
    Creator("k12", "潮玩情报站", "weibo", "post", 1000, 0.05, 0.50, 0.15, 0.04, 0.03),
    Creator("k08", "小鹿日常", "kuaishou", "live", 1200, 0.15, 0.20, 0.25, 0.20, 0.06),
    Creator("k03", "厨房里的周", "douyin", "live", 900, 0.30, 0.10, 0.70, 0.34, 0.23),
    Creator("k06", "全网最低价", "kuaishou", "live", 2600, 0.06, 0.60, 0.05, 0.09, 0.0),
    Creator("k07", "一间书房", "xiaohongshu", "video", 350, 0.45, 0.05, 0.80, 0.21, 0.22),
    Creator("k02", "阿北好物", "taobao", "live", 2100, 0.12, 0.30, 0.35, 0.25, 0.08),
    Creator("k09", "两个人的家", "bilibili", "video", 180, 0.50, 0.04, 0.60, 0.12, 0.19),
    Creator("k01", "小满试用", "douyin", "live", 3200, 0.04, 0.55, -0.10, 0.08, 0.0),
    Creator("k05", "宝妈课堂", "douyin", "video", 600, 0.35, 0.08, 0.55, 0.27, 0.17),
)


@dataclass(frozen=True)
class Campaigns:
    """The campaigns that begin before a day, by number."""

    count: int

    @classmethod
    def until(cls, day: int) -> Campaigns:
        """Return those that begin before a day."""
        return cls(max(0, -(-(day - FIRST) // DAYS)))

    @property
    def numbers(self) -> Ints:
        """Return their numbers."""
        return np.arange(self.count)

    @property
    def first(self) -> Ints:
        """Return the first day of each."""
        return FIRST + DAYS * self.numbers

    def within(self, first: int) -> Ints:
        """Return the numbers of those that run on a day or later."""
        return self.numbers[self.first + DAYS > first]

    @property
    def ids(self) -> list[str]:
        """Return their ids: the creator's and how often it has had one."""
        return [campaign_id(k) for k in range(self.count)]


def campaign_id(number: int) -> str:
    """Return the id of a campaign."""
    return f"{CREATORS[number % len(CREATORS)].id}-{number // len(CREATORS) + 1}"


def running(day: Ints) -> Ints:
    """Return the number of the campaign that runs on each day; -1: none yet."""
    return np.where(day >= FIRST, (day - FIRST) // DAYS, -1)


def of_creators(name: str) -> np.ndarray:
    """Return a number of every creator, in their order."""
    return np.array([getattr(c, name) for c in CREATORS])


def popularity() -> np.ndarray:
    """Return how much each creator is seen, whoever sees it: by the size of the audience; 1 for the largest."""
    size = of_creators("followers").astype(np.float64)
    out: np.ndarray = np.sqrt(size / size.max())
    return out


def fees(world_fee: float, scale: float) -> Ints:
    """Return what a campaign of each creator costs, in fen: it follows the size of the audience."""
    size = of_creators("followers").astype(np.float64)
    return np.rint(100 * world_fee * scale * (size / 1000) ** 0.8).astype(np.int64)


def tables(fee: Ints, first: int, end: int) -> dict[str, pa.Table]:
    """Return the tables creators and campaigns, of the campaigns that run within some days.

    Parameters
    ----------
    fee : ndarray of int
        What each campaign costs, by number, in fen.
    first, end : int
        Days.
    """
    k = Campaigns.until(end).within(first)
    who = k % len(CREATORS)
    listed = sorted(CREATORS)
    return {
        "creators": pa.table(
            {
                "creator_id": pa.array([c.id for c in listed]),
                "name": pa.array([c.name for c in listed]),
                "platform": pa.array([c.platform for c in listed]),
                "format": pa.array([c.format for c in listed]),
                "followers": pa.array([1000 * c.followers for c in listed], pa.int64()),
                "audience_match": pa.array([c.match for c in listed], pa.float64()),
                "suspicious": pa.array([c.suspicious for c in listed], pa.float64()),
                "tone": pa.array([c.tone for c in listed], pa.float64()),
            }
        ),
        "campaigns": pa.table(
            {
                "campaign_id": pa.array([campaign_id(n) for n in k], pa.string()),
                "channel": store.labels(("creator",), k * 0),
                "creator_id": store.labels([c.id for c in CREATORS], who),
                "name": store.labels([c.name for c in CREATORS], who),
                "starts_on": store.dates(FIRST + DAYS * k),
                "ends_on": store.dates(FIRST + DAYS * (k + 1)),
                "cost": store.money(fee[k]),
            }
        ),
    }
