"""Keyed pseudonyms: HMAC-SHA256 over each distinct personal id, made at home, joined back.

No engine has a portable keyed digest, so the distinct ids come home; the key never leaves, and the table
of pairs is never stored. Source: RFC 2104.
"""

from __future__ import annotations

import hmac
import os
from typing import TYPE_CHECKING

from growth.errors import UserError

if TYPE_CHECKING:
    import ibis
    from ibis.backends.duckdb import Backend

    from growth.sources import Dataset

# Fit for data that are public or made up, and for nothing else.
PUBLIC_KEY = b"growth: a public key, for simulated and published data only"
KEY_VARIABLE = "GROWTH_KEY"
LENGTH = 16


def key_for(info: Dataset) -> bytes:
    """Return the key: the public one for simulated and published data, else that of the environment.

    Raises
    ------
    UserError
        If the data are neither and ``GROWTH_KEY`` is not set, or shorter than 16 characters.
    """
    if info.synthetic or info.public:
        return PUBLIC_KEY
    key = os.environ.get(KEY_VARIABLE, "")
    if len(key) < 16:
        raise UserError(
            f"{info.name} holds real people: set {KEY_VARIABLE} to a secret of 16 characters or more (for example "
            "`export GROWTH_KEY=$(openssl rand -hex 32)`), and keep it: the same key gives the same pseudonyms."
        )
    return key.encode()


def pseudonym(key: bytes, kind: str, value: str) -> str:
    """Return the pseudonym of one id: 64 bits of HMAC-SHA256 over ``kind:value``, in hexadecimal."""
    return hmac.digest(key, f"{kind}:{value}".encode(), "sha256").hex()[:LENGTH]


def pairs(con: Backend, key: bytes, kind: str, columns: list[ibis.Table]) -> ibis.Table:
    """Return a table (``raw``, ``pseudonym``) of every distinct value of some one-column tables.

    Parameters
    ----------
    kind : str
        The name of the column: a customer and a visitor of the same number get different pseudonyms.
    columns : list of ibis.Table
        Each with one text column ``raw``.
    """
    import ibis
    import pyarrow as pa

    everything = ibis.union(*columns, distinct=True) if len(columns) > 1 else columns[0].distinct()
    raw = everything.filter(everything.raw.notnull()).order_by("raw").to_pyarrow()["raw"].to_pylist()
    made = [pseudonym(key, kind, r) for r in raw]
    if len(set(made)) != len(made):
        raise UserError(f"Two values of {kind} got the same pseudonym: use another {KEY_VARIABLE}.")
    table = pa.table({"raw": pa.array(raw, pa.string()), "pseudonym": pa.array(made, pa.string())})
    return con.create_table(f"pairs_{kind}", table, temp=True, overwrite=True)
