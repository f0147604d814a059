"""Marts of ``05_channels``."""

from __future__ import annotations

from growth.channels import path_marts as p
from growth.channels import tested_marts as t
from growth.marts import Mart

_SOLD = ("orders", "order_lines")
_TOUCHED = ("touches", *_SOLD)
_TESTED = ("experiments", "experiment_arms", "experiment_scope", "assignments")
_WHOLE = ("all", "customers")

MARTS = {
    "paths": Mart(p.paths, ("path", "returning"), _TOUCHED, _WHOLE),
    "given_paths": Mart(p.given_paths, ("path",), ("paths",)),
    "paths_by_group": Mart(p.paths_by_group, ("path", "returning", "cluster"), _TOUCHED, _WHOLE),
    "timed_paths": Mart(p.timed_paths, ("number",), _TOUCHED, _WHOLE),
    "left_out": Mart(p.left_out, ("what", "reason"), _TOUCHED, _WHOLE),
    "quarter_paths": Mart(t.quarter_paths, ("path", "returning"), _TOUCHED, _WHOLE),
    "channel_tests": Mart(t.channel_tests, ("experiment_id", "channel"), _TESTED),
    "regions_drawn": Mart(t.regions_drawn, ("experiment_id", "region"), _TESTED),
    "customers_drawn": Mart(t.customers_drawn, ("experiment_id", "customer_id"), (*_TESTED, *_SOLD), _WHOLE),
    "drawn_twice": Mart(t.drawn_twice, ("experiment_id",), _TESTED),
    "tested_paths": Mart(t.tested_paths, ("experiment_id", "shown", "path"), (*_TESTED, *_TOUCHED), _WHOLE),
    "region_weeks": Mart(t.region_weeks, ("region", "week"), _TOUCHED, _WHOLE),
    "spend_by_day": Mart(p.spend_by_day, ("channel", "region", "date"), ("spend",)),
    "new_customers": Mart(t.new_customers, ("channel",), _TOUCHED, _WHOLE),
    "campaigns": Mart(t.campaigns, ("campaign_id",), ("campaigns", "creators", *_TOUCHED), _WHOLE),
    "joined": Mart(t.joined, ("customer_id",), ("customers", "referrals")),
    "invitations": Mart(t.invitations, ("number",), ("referrals",)),
    "kinds": Mart(t.kinds, ("channel",), ("channels",)),
    "outcomes": Mart(p.outcomes, ("region", "date"), ("outcomes",)),
    "given_tests": Mart(
        t.given_tests, ("experiment_id", "region"), (*_TESTED[:2], "assignments", "outcomes")
    ),
}
