"""The questions of the market survey, in English and Chinese, and what may be answered."""

from __future__ import annotations

AGES = ("18-24", "25-34", "35-44", "45-59", "60+")
GENDERS = ("f", "m")
BRANDS = ("this shop", "Hemao", "Yunxi", "Bailin")
STAGES = ("aware", "consider", "bought", "loyal")
# Item, English, Chinese, type it speaks of (as `world.TYPES`), turned round.
ATTITUDES: tuple[tuple[str, str, str, int, bool], ...] = (
    ("compare_prices", "I compare prices before I buy.", "购买前我会比较价格。", 0, False),
    ("wait_for_sales", "I wait for sales.", "我会等打折再买。", 0, False),
    ("price_minor", "What it costs matters little to me.", "价格对我来说不重要。", 0, True),
    ("pay_for_quality", "I pay more for something that lasts.", "我愿意为耐用多付钱。", 1, False),
    ("read_reviews", "I read about materials and reviews.", "我会仔细看材质和评价。", 1, False),
    ("good_enough", "Good enough is good enough.", "差不多就行。", 1, True),
    ("stand_out", "I like things that few others have.", "我喜欢与众不同的东西。", 2, False),
    ("new_designs", "I try new designs early.", "我喜欢尝试新设计。", 2, False),
    ("like_others", "I buy what most people buy.", "大家买什么我就买什么。", 2, True),
    ("save_time", "Saving time is worth money to me.", "省时间值得花钱。", 3, False),
    ("one_stop", "I want everything in one order.", "我希望一次买齐。", 3, False),
    ("enjoy_browsing", "I enjoy browsing for long.", "我喜欢慢慢逛。", 3, True),
)
PRICES = ("too_cheap", "cheap", "dear", "too_dear")
OFFERS = (59, 79, 99, 119, 149)  # CNY a month's box, at which they are asked whether they would buy
# Question, items, kind, least, greatest, asked if, English, Chinese; {} is the item.
ASKED: tuple[tuple[str, tuple[str, ...], str, float | None, float | None, str | None, str, str], ...] = (
    ("aware", BRANDS, "multiple", 0, 1, None, "Do you know {}?", "您知道{}吗？"),
    ("consider", BRANDS, "multiple", 0, 1, "aware", "Would you consider {}?", "您会考虑{}吗？"),
    ("bought", BRANDS, "multiple", 0, 1, "consider", "Have you bought from {}?", "您在{}买过吗？"),
    ("loyal", BRANDS, "multiple", 0, 1, "bought", "Is {} where you buy first?", "您首选{}吗？"),
    (
        "brand_recommend",
        BRANDS,
        "scale",
        0,
        10,
        "bought",
        "Would you recommend {}, 0 to 10?",
        "您会推荐{}吗（0到10）？",
    ),
    (
        "price",
        PRICES,
        "number",
        1,
        2000,
        None,
        "At what price of a month's box is it {}?",
        "每月一盒，什么价格算{}？",
    ),
    (
        "buy_at",
        tuple(map(str, OFFERS)),
        "single",
        0,
        1,
        None,
        "Would you buy at {} CNY?",
        "{}元您会买吗？",
    ),
)
FEATURES: tuple[str, ...] = (
    "next_day",
    "free_returns",
    "gift_wrap",
    "refill_plan",
    "live_help",
    "app_badges",
)
# What a feature is to people: must-be, one-dimensional, attractive, indifferent, reverse; shares.
KANO = {
    "next_day": (0.10, 0.55, 0.20, 0.15, 0.00),
    "free_returns": (0.60, 0.20, 0.08, 0.12, 0.00),
    "gift_wrap": (0.03, 0.10, 0.55, 0.30, 0.02),
    "refill_plan": (0.05, 0.18, 0.40, 0.35, 0.02),
    "live_help": (0.20, 0.40, 0.12, 0.26, 0.02),
    "app_badges": (0.01, 0.03, 0.11, 0.60, 0.25),
}
# Worth of needs, the first being the measure of the others (maximum difference scaling).
NEEDS: tuple[tuple[str, float], ...] = (
    ("fair prices", 0.0), ("fast delivery", -0.3), ("genuine goods", 0.9), ("easy returns", -0.1),
    ("wide choice", -0.6), ("helpful service", -0.8), ("points and gifts", -1.4), ("nice packaging", -2.0),
)  # fmt: skip
# Choice tasks: attribute -> levels and their part-worths, the first being the measure; and of a hundred CNY.
ATTRIBUTES: dict[str, tuple[tuple[str, float], ...]] = {
    "brand": (("this shop", 0.0), ("Hemao", 0.3), ("Yunxi", -0.4)),
    "delivery": (("three days", 0.0), ("next day", 0.6), ("a week", -0.9)),
    "returns": (("paid", 0.0), ("free", 0.5)),
}
PRICE_LEVELS, PER_HUNDRED, NONE_WORTH = (59.0, 79.0, 99.0, 129.0), -1.8, -1.6
WISHES: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "delivery",
        ("Parcels should come faster.", "希望快递更快。", "Delivery took too long 🚚", "物流太慢了"),
    ),
    ("price", ("More discounts please.", "希望多打折。", "Too expensive for what it is.", "价格偏贵")),
    ("quality", ("Better materials.", "质量再好一点。", "The zip broke after a week.", "用了几天就坏了")),
    (
        "service",
        ("Answer chats sooner.", "客服回复快一点。", "Nobody answered my question.", "希望退货更方便"),
    ),
)
THEMES = ("price trust", "delivery worry", "gifts", "habit", "advice of friends", "returns")
PREVALENCE = (0.65, 0.45, 0.30, 0.55, 0.40, 0.25)  # share of interviewed in whose interview it is
