"""Search terms: one spelling for many, in Chinese and English, and where the catalogue has what they name."""

from __future__ import annotations

import re
import unicodedata

import pandas as pd

_MARKS = re.compile(r"[\s_/,.;:!?'\"()\[\]{}，。、；：！？（）【】《》“”‘’·~-]+")
_HAN = r"\u3400-\u4dbf\u4e00-\u9fff"
_BETWEEN_HAN = re.compile(rf"(?<=[{_HAN}]) (?=[{_HAN}])")
_PIECE = re.compile(rf"[{_HAN}]+|[^\s{_HAN}]+")


def normal(text: str) -> str:
    """Return a term in its one spelling: width, case, marks and spaces do not tell terms apart.

    ``"Ｅ－Bike "`` -> ``"e bike"``; ``"露营  帐篷"`` -> ``"露营帐篷"``: a space between Chinese
    characters says nothing.

    Notes
    -----
    Unicode Standard Annex 15 (NFKC) and full case folding.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    shown = "".join(c for c in folded if unicodedata.category(c) not in ("Cf", "Cc") or c.isspace())
    return _BETWEEN_HAN.sub("", _MARKS.sub(" ", shown).strip())


def pieces(text: str) -> frozenset[str]:
    """Return what a normal term is compared by: words, and neighbouring pairs of Chinese characters."""
    found = set()
    for piece in _PIECE.findall(text):
        han = re.fullmatch(rf"[{_HAN}]+", piece) and len(piece) > 1
        found |= {piece[i : i + 2] for i in range(len(piece) - 1)} if han else {piece}
    return frozenset(found)


def nearest(terms: pd.Series, catalogue: pd.DataFrame) -> pd.DataFrame:
    """Return, for each term, the product that shares most of its pieces: ``product_id, name, likeness``.

    Parameters
    ----------
    terms : Series of str
        Normal terms.
    catalogue : DataFrame
        ``product_id, name, category``.

    Returns
    -------
    DataFrame
        On the index of `terms`; ``likeness`` from 0 (no product has a piece of it; then no product is named) to 1.
    """
    text = catalogue["name"].fillna("") + " " + catalogue["category"].fillna("")
    own = [pieces(normal(t)) for t in text]
    rows = []
    for term in terms:
        wanted = pieces(term)
        shared = [len(wanted & p) / len(wanted) if wanted else 0.0 for p in own]
        best = max(range(len(own)), key=shared.__getitem__, default=-1)
        if best < 0 or shared[best] == 0:
            rows.append((None, None, 0.0))
        else:
            rows.append((*catalogue.iloc[best][["product_id", "name"]], shared[best]))
    return pd.DataFrame(rows, index=terms.index, columns=["product_id", "name", "likeness"])
