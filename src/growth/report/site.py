"""The site of a dataset: a page a notebook, and a front page with what each found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat

from growth import paths
from growth.folders import fresh, replace
from growth.params import section
from growth.report import render
from growth.sources.base import Dataset

FRONT_FILE = "front.html.j2"
MORE = 3  # findings on a card beside the headline


def run(dataset: str) -> Path:
    """Render every executed notebook of a dataset and the front page; return the front page's path."""
    target = paths.reports(dataset, "site")
    new = fresh(paths.build("site"))
    info = Dataset.read(paths.data(dataset, "tables"))
    cards = [_page(slug, info, new) for slug in paths.TOPICS.values()]
    if info.synthetic:
        cards += _pages_of_the_platform(info, new)
    (new / "index.html").write_text(_front(info, cards), encoding="utf-8")
    replace(new, target)
    return (target / "index.html").relative_to(paths.find_root())


def _page(slug: str, info: Dataset, folder: Path) -> dict[str, Any]:
    """Write one page, and return its card for the front page."""
    nb = nbformat.read(paths.reports(info.name, "notebooks") / f"{slug}.ipynb", as_version=4)
    metrics = paths.reports(info.name, "metrics") / f"{slug}.json"
    findings = json.loads(metrics.read_text(encoding="utf-8"))
    headline = next((f["sentence"] for f in findings.values() if f.get("headline")), slug)
    name = _name(nb, slug)
    about = dict(
        title=f"{name}: {headline}",
        dataset=info.name,
        title_of_data=info.title,
        licence=info.licence,
        origin=info.origin,
        source=f"notebooks/{slug}.ipynb",
        notebook=f"../notebooks/{slug}.ipynb",
        folded=section("report").code_folded,
    )
    (folder / f"{slug}.html").write_text(render.page(nb, about), encoding="utf-8")
    figure, alt = _first_figure(nb)
    more = [f["sentence"] for f in findings.values() if not (f.get("headline") or f.get("detail"))][:MORE]
    return dict(page=f"{slug}.html", name=name, headline=headline, figure=figure, alt=alt, more=more)


def _pages_of_the_platform(info: Dataset, folder: Path) -> list[dict[str, Any]]:
    """Write the pages that only a platform of known truth can have, and return their cards."""
    from growth.simulation import pages

    cards = []
    for made in (pages.truth(info.name), pages.likeness(info.name)):
        about = dict(
            title=f"{made.name}: {made.headline}",
            dataset=info.name,
            title_of_data=info.title,
            source="src/growth/simulation/pages.py",
            folded=True,
        )
        (folder / f"{made.file}.html").write_text(render.page(made.notebook, about), encoding="utf-8")
        figure, alt = _first_figure(made.notebook)
        card = dict(page=f"{made.file}.html", name=made.name, headline=made.headline, figure=figure, alt=alt)
        cards.append(card)
    return cards


def _name(nb: Any, slug: str) -> str:
    """Return the notebook's own title: the first bold line below its headline."""
    lines = [line for line in nb.cells[0].source.splitlines() if line.startswith("**")]
    return lines[0].strip("*") if lines else slug


def _first_figure(nb: Any) -> tuple[str, str]:
    """Return (PNG in base64, text alternative) of the first figure; empty if there is none."""
    for cell in nb.cells:
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                alt = output.metadata.get("image/png", {}).get("alt", "")
                return output.data["image/png"].replace("\n", ""), alt
    return "", ""


def _front(info: Dataset, cards: list[dict[str, Any]]) -> str:
    from jinja2 import Environment

    template = Environment(autoescape=True).from_string(paths.asset(FRONT_FILE).read_text(encoding="utf-8"))
    values = dict(
        title=info.title,
        dataset=info.name,
        as_of=info.as_of,
        licence=info.licence,
        origin=info.origin,
        cards=cards,
    )
    text = template.render(style="/*style*/", **values) + "\n"
    return text.replace("/*style*/", render.style(text), 1)
