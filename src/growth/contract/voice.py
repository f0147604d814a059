"""Tables of voice: who was asked, and what was answered."""

from __future__ import annotations

from growth.contract.spec import Column as C
from growth.contract.spec import Table

VOICE = (
    Table(
        "respondents",
        "voice",
        "A person who was asked, once a wave; who did not answer has a row too, or non-response cannot be judged.",
        (
            C("respondent_id", "id", "the person asked, the same in every wave", True, personal=True),
            C("wave", "label", "the round of asking; one survey that is held once is one wave", True),
            C("customer_id", "id", "the customer; null: not known as one", refers="customers.customer_id",
              personal=True),
            C("asked_at", "time", "asked; where that is not on record, started", True),
            C("started_at", "time", "first answer; null: did not answer"),
            C("finished_at", "time", "last answer; null: did not finish"),
            C("stratum", "label", "stratum that the person was drawn from"),
            C("cluster", "label", "cluster that the person was drawn in"),
            C("base_weight", "number", "one over the chance of being asked", low=0),
        ),
        key=("respondent_id", "wave"),
        clock="asked_at",
        sequence=(("asked_at", "started_at"), ("started_at", "finished_at")),
    ),
    Table(
        "answers",
        "voice",
        "An answer to an item of a question. `satisfaction` (1 to 5) and `recommend` (0 to 10) make the loyalty index.",
        (
            C("respondent_id", "id", "who answered", True, refers="respondents.respondent_id", personal=True),
            C("wave", "label", "the round of asking", True),
            C("question", "label", "the question: satisfaction, recommend, …", True),
            C("item", "label", "what of it: delivery, overall, …; where several may be ticked, the option", True),
            C("option", "text", "the answer as chosen or written"),
            C("value", "number", "the answer as a number; null: it has none"),
        ),
        key=("respondent_id", "wave", "question", "item"),
    ),
)  # fmt: skip
