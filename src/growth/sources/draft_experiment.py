"""A first mapping of an experiment in one flat file: a row a unit, its arm, and what was measured."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

from growth.sources.files import PERSONAL
from growth.sources.look import TIME_FORMATS, Look, every_value, guess_decimal, inside, parses, plain, written

# Headers as `plain` writes them. A word of the second kind may as well be a group that nobody drew.
_TEST = r"(experiment(al)?|exp|test|ab(test)?|trial)"
ARM = (
    rf"{_TEST}?(arm|variant|variation|variante|treatment|treated|condition)(name|id)?"
    rf"|{_TEST}(group|version|bucket|cell|segment|cohort|gruppe)(name|id)?|分组|实验组|组别|实验分组|实验版本"
)
ARM_PERHAPS = r"group|gruppe|version|segment|bucket|cell|cohort"
EXPERIMENT = r"(experiment|test|trial)(id|name|no|key)|experiment|实验(id|编号|名称)?"
UNITS = {
    "customer": r"uid|id|(unit|subject|participant|player|account)(no|number|id|key|code)?|编号",
    "visitor": r"(device|visitor|cookie|anonymous)(no|number|id|key|code)?|设备(号|编号|id)?",
    "session": r"(session|visit)(no|number|id|key)",
}
CONTROL = ("control", "ctrl", "holdout", "baseline", "placebo", "对照")
CONTROL_WORD = ("no", "none")
CONTROL_PERHAPS = ("a", "old", "0", "false", "off", "original", "default")
BEFORE = (
    r"(^|[\s_\-.])(pre|before|prior|past|previous|baseline|history|recency|tenure|age|newbie)($|[\s_\-.])"
)
ARMS = range(2, 11)  # arms of an experiment
LEVELS = range(2, 21)  # levels of a segment
NUMBER = r"[+-]?(\d+|\d{1,3}([,.' ]\d{3})+)?([.,]\d+)?([eE][+-]?\d+)?"
PLAIN = r"|[+-]?\d+(\.\d+)?([eE][+-]?\d+)?|\D*"
WORDS = {"true", "false", "t", "f", "yes", "no", "y", "n", "是", "否"}


@dataclass(frozen=True)
class Trial:
    """What an experiment in a flat file seems to be made of; columns by their headers."""

    unit: str
    id: str  # a header; empty: the row's number
    arm: str
    sure: bool  # of the arm
    control: str
    sure_control: bool
    experiment: str = ""
    at: str = ""
    numbers: dict[str, str] = field(default_factory=dict)  # header -> expression
    segments: tuple[str, ...] = ()

    @property
    def used(self) -> set[str]:
        """The headers that the mapping uses."""
        return {self.id, self.arm, self.experiment, self.at, *self.numbers, *self.segments} - {""}


def trial(seen: Look) -> Trial | None:
    """Return the experiment that a file seems to hold, if it does: an arm for each of its units.

    A file of orders is none, nor one of customers with a sign-up date whose `segment` or `group` may be anything.
    """
    if "order_id" in seen.guesses:
        return None
    sure, arms = True, _named(seen, ARM)
    if not arms and not {"signed_up_at", "birth_year"} & seen.guesses.keys():
        sure, arms = False, _named(seen, ARM_PERHAPS)
    found = [(a, levels) for a in arms if len(levels := _levels(seen, a)) in ARMS]
    if not found:
        return None
    arm, levels = found[0]
    control, sure_control = _control(levels)
    unit, own = _unit(seen, arm)
    if not own and (not (sure or sure_control) or {"product_id", "name"} <= seen.guesses.keys()):
        return None
    experiment = next(iter(_named(seen, EXPERIMENT)), "")
    at = seen.guesses.get("assigned_at") or seen.guesses.get("placed_at") or ""
    rest = [h for h in seen.columns if h not in (arm, own, experiment, at) and not PERSONAL.search(h)]
    numbers = {h: n for h in rest if (n := _number(h, seen.columns[h]))}
    for header in numbers:
        if not all(re.fullmatch(PLAIN, v.strip()) for v in seen.columns[header]):
            guess_decimal(seen, seen.columns[header])
    segments = tuple(h for h in rest if h not in numbers and _is_segment(seen.columns[h]))
    return Trial(unit, own, arm, sure, control, sure_control, experiment, at, numbers, segments)


def _named(seen: Look, pattern: str) -> list[str]:
    return [h for h in seen.columns if re.fullmatch(pattern, plain(h)) and not PERSONAL.search(h)]


def _levels(seen: Look, header: str) -> list[str]:
    """Return the values of a column, of the whole file: it may be sorted by arm; one more than arms at most."""
    found: set[str] = set()
    for value in every_value(seen, header):
        found |= {value.strip()} - {""}
        if len(found) not in range(ARMS.stop):
            break
    return sorted(found)


def _control(levels: list[str]) -> tuple[str, bool]:
    """Return the arm that seems to be the control, and whether its name says so."""
    for word in CONTROL:
        for level in levels:
            if word in level.lower():
                return level, True
    parts = {level: re.split(r"[\W_]+", level.lower()) for level in levels}
    named = [level for word in (*CONTROL_WORD, *CONTROL_PERHAPS) for level in levels if word in parts[level]]
    control = (named or levels)[0]
    return control, bool({*CONTROL_WORD} & {*parts[control]})


def _unit(seen: Look, arm: str) -> tuple[str, str]:
    """Return what was randomised, and the header of its id (empty if the file names none)."""
    if (known := seen.guesses.get("customer_id", arm)) != arm:
        return "customer", known
    for unit, pattern in UNITS.items():
        for header in seen.columns:
            if header != arm and re.fullmatch(pattern, plain(header)):
                return unit, header
    return "customer", ""


def _number(header: str, values: list[str]) -> str:
    """Return the expression for a column of numbers or of yes and no; empty if it holds neither."""
    there = {v.strip() for v in values} - {""}
    if not there or re.search(r"(^|[\s_\-.])(id|ID|Id)$|[a-z]I[dD]$|(?i:^index$|^unnamed)", header):
        return ""
    if {v.lower() for v in there} <= WORDS:
        return f"truth({inside(header)})"
    return written(header) if all(re.fullmatch(NUMBER, v) for v in there) else ""


def _is_segment(values: list[str]) -> bool:
    there = [v.strip() for v in values if v.strip()]
    times = there and any(all(parses(v, parse) for v in there[:50]) for parse, _ in TIME_FORMATS)
    return len(set(there)) in LEVELS and len(set(there)) < len(there) and not times


def entries(found: Trial, seen: Look, file: str, name: str) -> list[str]:
    """Return the lines under ``tables:`` for an experiment."""
    experiment = written(found.experiment) if found.experiment else _text(name)
    several = "[experiment_id, {}]" if found.experiment else "{}"
    unit = {"experiment_id": experiment, f"{found.unit}_id": written(found.id) if found.id else "row()"}
    own, arm = {"experiment_id": experiment}, {"arm": written(found.arm)}
    control = {"control": json.dumps(f"{inside(found.arm)} == {found.control!r}", ensure_ascii=False)}
    out = [f"  # {seen.file} looks like an experiment: {found.unit}s, each with its arm in {found.arm}"]
    out += [f"  # doubt: is {found.arm} really what was drawn at random?"] * (not found.sure)
    out += [f"  # doubt: no column names the {found.unit}, so each row is one"] * (not found.id)
    out += _table(
        "assignments", file, "", unit | arm | ({"assigned_at": written(found.at)} if found.at else {})
    )
    out += _table("experiments", file, "experiment_id", own | {"unit": _text(found.unit)})
    out += _table("experiment_arms", file, several.format("arm"), own | arm | control)
    out[-1] += "   # doubt: the arm that the others are compared with" * (not found.sure_control)
    out += ["      # planned_share: say it here if the arms were not meant to be of equal size"]
    during = [h for h in found.numbers if not _before(h)]
    if during:
        out += _table("experiment_metrics", file, several.format("metric"), own)
        out += ["    repeat:"]
        roles = ["goal", *["secondary"] * (len(during) - 1)]
        out += [
            f"      - {{metric: {_text(h)}, role: {_text(r)}}}" for h, r in zip(during, roles, strict=True)
        ]
        out[-len(during)] += (
            "   # doubt: the goal; a metric of less is better needs direction: \"'decrease'\""
        )
    else:
        out += [
            "  # doubt: no column of numbers measured during the test was found: experiment_metrics is left out"
        ]
    if found.numbers or found.segments:
        out += [*_table("measurements", file, "", unit), "    repeat:"]
        out += [
            f"      - {{metric: {_text(h)}, value: {v}{_window(h)}}}{_doubt(h)}"
            for h, v in found.numbers.items()
        ]
        out += [
            f"      - {{metric: {_text(h)}, level: {written(h)}, window: {_text('pre')}}}"
            for h in found.segments
        ]
    return [*out, ""]


def _before(header: str) -> bool:
    return bool(re.search(BEFORE, header.lower()))


def _window(header: str) -> str:
    return f", window: {_text('pre')}" if _before(header) else ""


def _doubt(header: str) -> str:
    return "   # doubt: known before the test?" if _before(header) else ""


def _text(value: str) -> str:
    """Return a constant as a mapping's value."""
    return json.dumps(repr(value), ensure_ascii=False)


def _table(table: str, file: str, one_row_per: str, columns: dict[str, str]) -> list[str]:
    out = [f"  {table}:", f"    from: {file}"]
    out += [f"    one_row_per: {one_row_per}"] if one_row_per else []
    return [*out, "    columns:", *(f"      {c}: {v}" for c, v in columns.items())]
