"""Two pages that only a platform of known truth can have: what is true here, and whether it looks like life."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import nbformat
import pandas as pd

from growth import figures as house
from growth import paths
from growth.report.display import picture, table
from growth.simulation import likeness as shapes
from growth.words import count

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FOUND = 3.0  # truth over standard error from which an effect is meant to be found


@dataclass(frozen=True)
class Page:
    """A page: its file's name, its card on the front page, and its content as a notebook without code."""

    file: str
    name: str
    headline: str
    notebook: Any


def truth(dataset: str) -> Page:
    """Return the page "What is true here": the platform's truths, the power table, the planted dirt and what was found."""
    folder = paths.data(dataset, "truth")
    truths = _json(folder / "truths.json")
    power = pd.DataFrame(_json(folder / "power.json"))
    dirt = dirt_found(_json(folder / "dirt.json"), _json(paths.data(dataset, "quarantine") / "account.json"))
    planted, found = int(dirt["planted"].sum()), int((dirt["planted"] == dirt["found"]).sum())
    headline = (
        f"{len(truths)} truths are written down, and ingest found all {count(planted)} planted faults"
        if found == len(dirt)
        else f"Ingest did not find the planted faults of {len(dirt) - found} rules"
    )
    cells = [
        _text(f"# {headline}\n\n**What is true here**\n\n{_TRUTH}"),
        _text(f"## What can be found at this size\n\n{_POWER}"),
        _figure(
            _power_figure(power), "power", "Bars: truth over its standard error, by mechanism; a line at 3."
        ),
        _text(_power_table(power)),
        _text(f"## The truths\n\n{_KINDS}"),
        *(_text(t) for t in _truth_tables(truths)),
        _text(
            "## The dirt\n\nPlanted on purpose, in known numbers, and what ingest made of it, rule by rule."
        ),
        _text(table(dirt, "Faults planted and found", {})),
    ]
    return Page("truth", "What is true here", headline, _notebook(cells))


_TRUTH = """The platform's right answers are known because they were written down before any analysis. Marts and analyses never read
them; recovery checks do. `docs/simulation.md` explains each mechanism."""

_POWER = """An effect is meant to be found if its truth is at least three standard errors at the default size; some are honestly
too small to find, and an analysis that finds them all the same is wrong."""

_KINDS = """A **population effect** holds for the parameters, an **effect on these people** is a sum over what happened to them, a
**parameter** is a number of the platform, a **count** a census, a **plain difference** what a comparison finds that adjusts
for nothing: no effect of anything. Each says which lever it belongs to, over which time, at which price."""


def _json(file: Any) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))


def dirt_found(planted: dict[str, dict[str, int]], account: dict[str, Any]) -> pd.DataFrame:
    """Return ``table, rule, planted, found`` for every rule that faults were planted for."""
    rows = []
    for name, rules in sorted(planted.items()):
        entry = account["tables"].get(name, {"reasons": {}, "flags": {}})
        seen = entry["reasons"] | entry["flags"]
        rows += [dict(table=name, rule=r, planted=n, found=seen.get(r, 0)) for r, n in sorted(rules.items())]
    return pd.DataFrame(rows, columns=["table", "rule", "planted", "found"])


def _power_figure(power: pd.DataFrame) -> Figure:
    shown = power.sort_values("ratio", ignore_index=True)
    figure, axes = house.new(1.0 + 0.27 * len(shown))
    colours = [house.BLUE if meant else house.GREY for meant in shown["meant_to_be_found"]]
    bars = axes.barh([n.replace("_", " ") for n in shown["name"]], shown["ratio"], color=colours)
    axes.bar_label(bars, [f"{r:.1f}" for r in shown["ratio"]], padding=3, color=house.MUTED)
    axes.axvline(FOUND, color=house.RED, linewidth=1)
    axes.set_xscale("log")
    axes.set_xlim(max(shown["ratio"].min() / 2, 0.05), shown["ratio"].max() * 2.5)  # a null has no bar
    house.decimals(axes.xaxis)
    axes.set_xlabel("truth / standard error (blue: meant to be found; red line: 3)")
    axes.grid(False, axis="y")
    return figure


def _power_table(power: pd.DataFrame) -> str:
    shown = power[["name", "truth", "standard_error", "ratio", "meant_to_be_found", "doc"]]
    formats = dict(truth="{:.4g}", standard_error="{:.3g}", ratio="{:.1f}")
    return _scrolling(table(shown, "Truth, standard error at this size, and their ratio", formats))


def _truth_tables(truths: dict[str, dict[str, Any]]) -> list[str]:
    """Return a table for each kind of truth, without the columns that say nothing of that kind."""
    frame = pd.DataFrame([dict(name=n, **t) for n, t in truths.items()])
    columns = ["name", "value", "unit", "lever", "horizon", "at_price", "doc"]
    made = []
    for kind, rows in frame.groupby("kind"):
        silent = [c for c in columns if rows[c].isin(["none", "any"]).all()]
        shown = rows[columns].drop(columns=silent)
        made.append(_scrolling(table(shown, str(kind).capitalize(), dict(value=_plain))))
    return made


def _plain(value: float) -> str:
    """Return a whole number whole, any other with five digits."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.5g}"


def likeness(dataset: str) -> Page:
    """Return the page "Does it look like life?": shapes of the platform's trade beside those of a real shop."""
    ours, theirs = shapes.of_dataset(dataset), shapes.reference()
    away = {name: shapes.distance(name, ours[name], theirs[name]) for name in ours}
    headline = (
        f"Spend and repeat purchases look like a real shop's (distances {away['spend']:.2f} and {away['days']:.2f}); "
        "basket sizes, hours and weekdays are another trade's"
    )
    cells = [_text(f"# {headline}\n\n**Does it look like life?**\n\n{_LIFE}")]
    for name, (title, note) in _SHAPES.items():
        cells.append(_text(f"## {title}: distance {away[name]:.2f}\n\n{note}"))
        alt = f"{title} of the platform and of the real shop, side by side."
        cells.append(_figure(_shape_figure(name, ours[name], theirs[name]), name, alt))
    return Page("likeness", "Does it look like life?", headline, _notebook(cells))


_LIFE = """Beside the platform stands [Online Retail](https://doi.org/10.24432/C5BW33) (CC BY 4.0), a British wholesaler of gifts. The
distance of shares is the total variation: the share that would have to move to another class. The distance of spend is the mean
difference of the logarithms of its quantiles."""

_SHAPES = {
    "spend": (
        "Spend of a customer",
        "Total spend over the median customer's, by quantile. The wholesaler has some giants.",
    ),
    "days": ("Days with an order", "Share of customers by the number of days on which they ordered."),
    "lines": (
        "Products on an order",
        "A wholesaler's basket has dozens of lines, a consumer's one to three: this difference is meant.",
    ),
    "hours": (
        "Hour of the day",
        "The wholesaler sells in office hours; consumers in the lunch break and the evening.",
    ),
    "weekdays": ("Day of the week", "The wholesaler is closed on Saturdays."),
}


def _shape_figure(name: str, ours: list[float], theirs: list[float]) -> Figure:
    figure, axes = house.new(3.0)
    if name == "spend":
        axes.plot(shapes.QUANTILES, ours, color=house.BLUE, marker="o", markersize=4, label="platform")
        axes.plot(shapes.QUANTILES, theirs, color=house.ORANGE, marker="s", markersize=4, label="real shop")
        axes.set_yscale("log")
        house.decimals(axes.yaxis)
        axes.set_xlabel("quantile of customers")
        axes.set_ylabel("spend / median")
        house.percent(axes.xaxis)
    else:
        first = 0 if name in ("hours", "weekdays") else 1
        places = list(range(first, first + len(ours)))
        axes.bar([p - 0.2 for p in places], ours, 0.4, color=house.BLUE, label="platform")
        axes.bar([p + 0.2 for p in places], theirs, 0.4, color=house.ORANGE, label="real shop")
        names = shapes.WEEKDAYS if name == "weekdays" else [str(p) for p in places]
        names = [*names[:-1], f"{names[-1]} +"] if name in ("days", "lines") else names
        axes.set_xticks(places, names)
        axes.set_ylabel("share of customers" if name == "days" else "share of orders")
        house.percent(axes.yaxis)
    house.only_horizontal_grid(axes)
    axes.legend()
    return figure


def _scrolling(text: str) -> str:
    return f'<div class="scroll" tabindex="0">\n{text}\n</div>'


def _text(source: str) -> Any:
    return nbformat.v4.new_markdown_cell(source, id="text")


def _figure(figure: Figure, name: str, alt: str) -> Any:
    data, metadata = picture(figure, name, alt)
    data["image/png"] = base64.b64encode(data["image/png"]).decode()
    output = nbformat.v4.new_output("display_data", data, metadata=metadata)
    return nbformat.v4.new_code_cell("", id="figure", outputs=[output])


def _notebook(cells: list[Any]) -> Any:
    nb = nbformat.v4.new_notebook()
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    nb.cells = cells
    return nb
