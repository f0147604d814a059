"""What a notebook holds in its hand: parameters, marts, and a way to show figures, tables and findings.

Run by hand it only shows; run by the pipeline it also leaves findings and tables in the folder that
the runner names, and the runner alone moves them to ``reports/`` once the whole notebook has succeeded.
"""

from __future__ import annotations

import datetime as dt
import html
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from IPython.display import HTML, Markdown, display

from growth import paths
from growth.errors import UserError
from growth.params import load, section
from growth.report.display import picture, table
from growth.report.findings import RUN_FOLDER, Finding
from growth.sources.base import Dataset
from growth.words import inert

if TYPE_CHECKING:
    from matplotlib.figure import Figure


SMALLEST_CELL = 10


@dataclass
class Notebook:
    """An open topic. Make one with `growth.open`.

    Parameters
    ----------
    topic : str
    params : Section
        The topic's parameters, overrides applied.
    words : Section
        ``definitions:`` of ``params.yaml``.
    data : Dataset
        What is known of the dataset: ``as_of``, ``currency``, ``sampling``, …
    folder : Path
        Where the marts are.
    left_out : dict of str to str
        Marts that could not be built, and why.
    """

    topic: str
    params: Any
    words: Any
    data: Dataset
    folder: Path
    left_out: dict[str, str]
    findings: dict[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def open(cls, topic: str, dataset: str | None, overrides: dict[str, Any]) -> Notebook:
        """See `growth.open`."""
        _show_errors_as_sentences()
        params = section(topic, overrides)
        dataset = dataset or section("data").dataset
        folder = paths.marts(dataset, topic)
        if not (folder / "marts.json").is_file():
            raise UserError(f"The marts of {dataset} for {topic} are not there yet: run `dvc repro` first.")
        left_out = json.loads((folder / "marts.json").read_text(encoding="utf-8"))["left_out"]
        nb = cls(topic, params, load()["definitions"], Dataset.read(folder), folder, left_out)
        nb._say_what_is_used()
        return nb

    def _say_what_is_used(self) -> None:
        values = {**self.params.model_dump(), **self.words.model_dump()}
        used = " · ".join(f"{k} = `{v}`" for k, v in values.items())
        display(
            Markdown(f"*{html.escape(self.data.title)}; as of {self.data.as_of}*\n\n<small>{used}</small>")
        )
        for why in dict.fromkeys(self.left_out.values()):
            marts = ", ".join(m.replace("_", " ") for m, w in self.left_out.items() if w == why)
            display(Markdown(f"> **Left out:** *{marts}*, because {why}."))

    @property
    def as_of(self) -> dt.date:
        """The day from which on nothing is known."""
        return dt.date.fromisoformat(self.data.as_of)

    @property
    def level(self) -> str:
        """The confidence of the topic's intervals as words: ``95 % interval``."""
        return f"{100 * self.params.confidence:g} % interval"

    @property
    def smallest_cell(self) -> int:
        """The fewest people that a shown cell may hold (handbook H3); 0 where nobody is real or all is published."""
        return 0 if self.data.synthetic or self.data.public else SMALLEST_CELL

    def has(self, *marts: str) -> bool:
        """Return whether all of these marts could be built."""
        return not any(m in self.left_out for m in marts)

    def mart(self, name: str) -> pd.DataFrame:
        """Return a mart of this topic (amounts as exact decimals, days as dates)."""
        file = self.folder / f"{name}.parquet"
        if name in self.left_out:
            raise UserError(f"The mart {name} is left out, because {self.left_out[name]}.")
        if not file.is_file():
            raise UserError(f"{self.topic} has no mart {name!r}.")
        return pd.read_parquet(file)

    def refuse(self, key: str, question: str, why: str = "", headline: bool = True) -> None:
        """Say that a question of the handbook is not answered here, and why (left out: the first mart's reason).

        `headline` is false where the page answers others.
        """
        why = why or next(iter(self.left_out.values()))
        text = f"{question} is not answered: {why}."
        self.findings[key] = dict(sentence=text, method="refused", n=0) | (
            {"headline": True} if headline else {}
        )
        self._store()
        display(Markdown(f"> **Not answered.** {inert(text)}"))

    def text(self, markdown: str) -> None:
        """Show Markdown of our own; what comes from outside must have been made inert (`growth.words.inert`)."""
        display(Markdown(markdown))

    def nothing(self, why: str) -> None:
        """Say in one plain line that a part of the page does not apply, and why."""
        display(Markdown(f"*Not here: {inert(why)}.*"))

    def note(self, text: str) -> None:
        """Show a remark that the reader must not miss."""
        display(Markdown(f"> **Note.** {inert(text)}"))

    def finding(self, key: str, sentence: str, value: Any, unit: str, **details: Any) -> None:
        """Record an answer and show it; see `growth.report.findings.Finding` for the rest."""
        found = Finding(key, sentence, value, unit, **details)
        if key in self.findings:
            raise ValueError(f"The finding {key} was recorded twice.")
        self.findings[key] = found.record()
        self._store()
        if not found.detail:
            display(Markdown(f"> {inert(sentence)}"))

    def figure(self, figure: Figure, name: str, alt: str, caption: str = "") -> None:
        """Show a figure.

        Parameters
        ----------
        figure : matplotlib.figure.Figure
        name : str
            Its name on the site.
        alt : str
            What it shows, for those who cannot see it.
        caption : str
            What to see in it; plain text or Markdown.
        """
        data, metadata = picture(figure, name, alt)
        display(data, metadata=metadata, raw=True)
        if caption:
            display(Markdown(f"*{caption}*"))

    def table(
        self, frame: pd.DataFrame, name: str, caption: str = "", shown: int = 30, **formats: Any
    ) -> None:
        """Show the first rows of a table, and store all of it as CSV beside the report.

        Parameters
        ----------
        frame : DataFrame
        name, caption : str
        shown : int
            Rows shown.
        **formats
            Column -> format, such as ``"{:,.0f}"`` or a function.
        """
        if run := os.environ.get(RUN_FOLDER):
            folder = Path(run) / "tables"
            folder.mkdir(exist_ok=True)
            frame.to_csv(folder / f"{name}.csv", index=False, float_format="%.8g", lineterminator="\n")
        more = f". First {shown} of {len(frame):,} rows." if len(frame) > shown else ""
        display(
            HTML(table(frame.head(shown), caption.rstrip(".") + more, formats)),
            metadata={"growth": {"table": name}},
        )

    def _store(self) -> None:
        if run := os.environ.get(RUN_FOLDER):
            text = json.dumps(self.findings, ensure_ascii=False)
            (Path(run) / "findings.json").write_text(text, encoding="utf-8")


def _show_errors_as_sentences() -> None:
    """Let a `UserError` end a cell in its sentence alone, without the frames above it."""
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    if shell is None:
        return

    def handler(shell: Any, kind: Any, error: Any, trace: Any, tb_offset: Any = None) -> list[str]:
        lines = [f"{kind.__name__}: {error}"]
        shell._showtraceback(kind, error, lines)
        return lines

    shell.set_custom_exc((UserError,), handler)
