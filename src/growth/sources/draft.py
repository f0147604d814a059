"""A first mapping from what a folder holds: guesses by name and by value, every doubt marked."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

from growth.contract import TABLES
from growth.errors import UserError
from growth.sources import draft_experiment
from growth.sources.files import PERSONAL
from growth.sources.look import TIME_FORMATS, TIMES, Look, inside, look, parses, written
from growth.sources.mapping import FILE

ENDINGS = (".csv", ".tsv", ".txt", ".parquet")


def draft(folder: Path) -> Path:
    """Write a first ``mapping.yaml`` into a folder; return its path.

    Raises
    ------
    UserError
        If the folder holds no CSV or Parquet file, or a mapping already.
    """
    if not folder.is_dir():
        raise UserError(f"There is no folder {folder}.")
    if (folder / FILE).exists():
        raise UserError(f"{folder / FILE} is there already: change it, or move it away to draft anew.")
    found = [f for f in sorted(folder.iterdir()) if f.suffix.lower() in ENDINGS]
    if not found:
        raise UserError(f"{folder} holds no file that ends in {', '.join(ENDINGS)}.")
    (folder / FILE).write_text(_yaml(folder, [look(f) for f in found]), encoding="utf-8")
    return folder / FILE


def _tables(seen: Look) -> list[tuple[str, str, dict[str, str]]]:
    """Return (table, one_row_per, columns) for what a file seems to hold; the first is its main table."""
    g = {k: written(v) for k, v in seen.guesses.items()}

    def pick(*names: str) -> dict[str, str]:
        return {n: g[n] for n in names if n in g}

    found: list[tuple[str, str, dict[str, str]]] = []
    if "order_id" in g and ("product_id" in g or "quantity" in g):
        lines = pick("order_id", "product_id", "quantity")
        if "unit_price" in g and "quantity" in g:
            lines["amount"] = f"{inside(seen.guesses['quantity'])} * {inside(seen.guesses['unit_price'])}"
        elif "amount" in g:
            lines["amount"] = g["amount"]
        found.append(("order_lines", "", lines))
        found.append(
            ("orders", "order_id", pick("order_id", "customer_id", "placed_at", "paid_at", "region"))
        )
        if "customer_id" in g:
            found.append(("customers", "customer_id", pick("customer_id")))
        if "product_id" in g:
            found.append(("products", "product_id", pick("product_id", "name", "category", "brand")))
    elif {"product_id", "quantity", "unit_price", "placed_at"} <= g.keys():
        found += _flat_sales(seen, g)
    elif "order_id" in g:
        found.append(("orders", "", pick("order_id", "customer_id", "placed_at", "paid_at", "region")))
    elif "product_id" in g and "name" in g:
        found.append(("products", "", pick("product_id", "name", "category", "brand")))
    elif "customer_id" in g:
        names = ("customer_id", "signed_up_at", "region", "birth_year", "gender", "acquisition_channel")
        found.append(("customers", "", pick(*names)))
    return found


def _flat_sales(seen: Look, g: dict[str, str]) -> list[tuple[str, str, dict[str, str]]]:
    """Return the tables of a file that says what was sold of a product at what price, without orders: a row an order.

    Prices come from it too, so that a day on which nothing was sold still says what was asked.
    """
    amount = f"{inside(seen.guesses['quantity'])} * {inside(seen.guesses['unit_price'])}"
    lines = {"order_id": "row()", "product_id": g["product_id"], "quantity": g["quantity"], "amount": amount}
    asked = {"product_id": g["product_id"], "date": g["placed_at"], "price": g["unit_price"]}
    about: tuple[str, ...] = ("product_id", "name", "category", "brand")
    products = {n: g[n] for n in about if n in g}
    return [
        ("order_lines", "", lines),
        ("orders", "", {"order_id": "row()", "placed_at": g["placed_at"]}),
        ("prices", "", asked),
        ("products", "product_id", products),
    ]


def _yaml(folder: Path, looks: list[Look]) -> str:
    name = re.sub(r"\W+", "_", folder.resolve().name.lower()).strip("_") or "my_shop"
    name = name if name[0].isalpha() else f"shop_{name}"
    taken: set[str] = set()
    tables = [line for n, seen in enumerate(looks, 1) for line in _entries(f"file_{n}", seen, taken, name)]
    out = [
        "# A first guess, by `growth map draft`. Go through every line; `# doubt` marks what needs your eye.",
        "# Then `growth map check` says what comes of it. docs/own-data.md explains each key.",
        f"name: {name}",
        "title: My shop               # doubt: a line for people",
        f"as_of: {_day_after(looks)}            # doubt: the day after the last complete day",
        "timezone: UTC                # doubt: where your business days begin and end, such as Europe/London",
        "currency: EUR                # doubt",
        "sampling: all                # or customers, or order_lines, if the files are a sample of these",
        "begins_mid_life: true        # false if nobody bought before the files begin",
        "",
        "files:",
    ]
    for n, seen in enumerate(looks):
        out += [f"  file_{n + 1}:", f"    file: {seen.file}", *(f"    {line}" for line in seen.lines)]
        out += [f"    # doubt: {d}" for d in seen.doubts]
    out += ["", "tables:", *tables]
    if not taken:
        out += ["  order_lines:", "    from: file_1", "    columns:"]
        out += [
            f"      {c.name}: \"''\"   # doubt: {c.doc}" for c in TABLES["order_lines"].columns if c.required
        ]
    return "\n".join(out) + "\n"


def _entries(file: str, seen: Look, taken: set[str], name: str) -> list[str]:
    trial = draft_experiment.trial(seen) if "assignments" not in taken else None
    if trial:
        taken.add("assignments")
        return [*draft_experiment.entries(trial, seen, file, name), *_unused(seen, trial.used)]
    out: list[str] = []
    tables = [t for t in _tables(seen) if t[0] not in taken]
    for table, one_row_per, columns in tables:
        taken.add(table)
        out += [f"  {table}:", f"    from: {file}"]
        out += [f"    one_row_per: {one_row_per}"] if one_row_per else []
        out += ["    columns:", *(f"      {c}: {v}" for c, v in columns.items())]
        if table == "orders":
            out += ["      status: \"'paid'\"       # doubt: placed, paid, shipped, delivered or cancelled"]
        lacks = [
            c.name
            for c in TABLES[table].columns
            if c.required and c.name not in columns and c.name != "status"
        ]
        out += [f"      # doubt: {c} is required and was not found" for c in lacks]
        out += [""]
    out += _unused(seen, set(seen.guesses.values()))
    return out if tables else [f"  # doubt: {seen.file} fits no table by its column names", *out]


def _unused(seen: Look, used: set[str]) -> list[str]:
    rest = [h for h in seen.columns if h not in used]
    personal = [h for h in rest if PERSONAL.search(h)]
    out = [f"  # {seen.file}: not used: {', '.join(rest)}"] if rest else []
    return [
        *out,
        *([f"  # of these {', '.join(personal)} look personal and may not come in"] if personal else []),
    ]


def _day_after(looks: list[Look]) -> dt.date:
    """Return the day after the latest date seen in the samples; the user knows better."""
    latest = dt.date(2000, 1, 1)
    for seen in looks:
        for name in TIMES:
            for value in seen.columns.get(seen.guesses.get(name, ""), []):
                whole = re.sub(r"(:\d\d)\.\d+$", r"\1", value.strip())  # without fractions of a second
                for parse, _ in TIME_FORMATS:
                    if parses(whole, parse):
                        latest = max(latest, dt.datetime.strptime(whole, parse).date())
                        break
    return latest + dt.timedelta(days=1)
