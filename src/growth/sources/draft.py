"""A first mapping from what a folder holds: guesses by name and by value, every doubt marked."""

from __future__ import annotations

import csv
import datetime as dt
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.parquet as pq

from growth.contract import TABLES
from growth.errors import UserError
from growth.sources.files import PERSONAL
from growth.sources.mapping import FILE
from growth.sources.textfile import likely_encoding

SAMPLE = 2000  # rows looked at, of at most so many characters
LOOKED_AT = 100_000
ENDINGS = (".csv", ".tsv", ".txt", ".parquet")

# Contract column -> what its header is often called, in lower case, with spaces, points, - and _ taken out.
SYNONYMS: dict[str, str] = {
    "order_id": r"bestell(nr|nummer)|rechnungs(nr|nummer)|beleg(nr)?"
    r"|(order|invoice|basket|transaction|receipt)(no|number|num|id|code|key)?|订单(号|编号|id)?",
    "customer_id": r"kunden?(nr|nummer)?|(customer|client|user|member|household|buyer)(no|number|id|key|code)?|cid"
    r"|(客户|用户|会员|买家)(号|编号|id)?",
    "product_id": r"artikel(nr|nummer)?"
    r"|(product|item|stock|article|variant)(no|number|id|code|key)?|sku|(商品|产品)(编号|编码|id|号)?",
    "quantity": r"menge|anzahl|qty|quantity|units?|amountofunits|pieces|数量|件数",
    "unit_price": r"(einzel|stück)?preis|(unit|item)?price|单价|价格",
    "amount": r"betrag|summe|amount|(line)?total|(sales)?value|revenue|sales|paid|金额|实付(金额)?|总价",
    "placed_at": r"(bestell|rechnungs)?datum|(order|invoice|transaction|purchase)?(date|time|datetime|timestamp)"
    r"|(order|created|placed)(at|on|date|time)|下单时间|日期|时间",
    "paid_at": r"paid(at|on|time|date)|付款时间|支付时间",
    "region": r"region|country|state|province|city|地区|省份?|城市",
    "status": r"(order)?status|state|状态|订单状态",
    "name": r"bezeichnung|artikelname|(product|item)?(name|title|description)|商品(名称|名)|产品名称",
    "category": r"(product)?(category|type|department)|类目|品类|分类",
    "brand": r"brand|manufacturer|品牌",
    "signed_up_at": r"(signup|signedup|registered|registration|join(ed)?)(at|on|date|time)?|注册(时间|日期)",
    "birth_year": r"birthyear|yearofbirth|出生年份?",
    "gender": r"gender|sex|性别",
    "acquisition_channel": r"(acquisition)?channel|source|渠道",
}
TIME_FORMATS = (
    ("%Y-%m-%d %H:%M:%S", None), ("%Y-%m-%dT%H:%M:%S", None), ("%Y-%m-%d %H:%M", None), ("%Y-%m-%d", None),
    ("%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M:%S"), ("%Y/%m/%d %H:%M", "%Y/%m/%d %H:%M"), ("%Y/%m/%d", "%Y/%m/%d"),
    ("%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M:%S"), ("%d/%m/%Y %H:%M", "%d/%m/%Y %H:%M"), ("%d/%m/%Y", "%d/%m/%Y"),
    ("%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M:%S"), ("%m/%d/%Y %H:%M", "%m/%d/%Y %H:%M"), ("%m/%d/%Y", "%m/%d/%Y"),
    ("%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M"), ("%d.%m.%Y", "%d.%m.%Y"),
)  # fmt: skip


@dataclass
class Look:
    """What a file looks like: how it is written, its columns, and some of their values."""

    file: str
    columns: dict[str, list[str]]
    lines: list[str] = field(default_factory=list)  # of its entry under files:
    guesses: dict[str, str] = field(default_factory=dict)  # contract column -> header
    doubts: list[str] = field(default_factory=list)


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


def look(file: Path) -> Look:
    """Read the beginning of a file and guess how it is written and what its columns are."""
    seen = _look_parquet(file) if file.suffix.lower() == ".parquet" else _look_text(file)
    _guess_columns(seen)
    return seen


def _look_parquet(file: Path) -> Look:
    batch = next(pq.ParquetFile(file).iter_batches(SAMPLE), None)
    rows = batch.to_pydict() if batch is not None else {}
    return Look(file.name, {c: ["" if v is None else str(v) for v in values] for c, values in rows.items()})


def _look_text(file: Path) -> Look:
    encoding, doubts = "utf-8", []
    try:
        file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        encoding = likely_encoding(file)
        doubts.append(f"{file.name} is not utf-8; {encoding} is a guess")
    with file.open(
        encoding="utf-8-sig" if encoding == "utf-8" else encoding, newline="", errors="replace"
    ) as text:
        start = text.read(LOOKED_AT)
        delimiter = max(",;\t|", key=start.split("\n")[0].count)
        rows = list(csv.reader(start.splitlines(), delimiter=delimiter))[: SAMPLE + 1]
    header, body = (rows[0], rows[1:]) if rows else ([], [])
    body = body[:-1] if len(start) == LOOKED_AT else body  # the last row may be cut
    columns = {name.strip(): [r[i] for r in body if len(r) == len(header)] for i, name in enumerate(header)}
    lines = [f"encoding: {encoding}"] if encoding != "utf-8" else []
    lines += [f'delimiter: "{delimiter}"'.replace("\t", "\\t")] if delimiter != "," else []
    return Look(file.name, columns, lines, doubts=doubts)


def _guess_columns(seen: Look) -> None:
    for name, pattern in SYNONYMS.items():
        hits = [h for h in seen.columns if re.fullmatch(pattern, re.sub(r"[\s_\-.]", "", h).lower())]
        hits = [
            h
            for h in hits
            if h not in seen.guesses.values() and not (PERSONAL.search(h) and name != "customer_id")
        ]
        if hits:
            seen.guesses[name] = hits[0]
        if len(hits) > 1:
            seen.doubts.append(f"{name} may also be {', '.join(hits[1:])}")
    for name in ("placed_at", "paid_at", "signed_up_at"):
        if name in seen.guesses:
            _guess_time(seen, seen.columns[seen.guesses[name]])
            break
    for name in ("unit_price", "amount", "quantity"):
        if name in seen.guesses:
            _guess_decimal(seen, seen.columns[seen.guesses[name]])


def _guess_time(seen: Look, values: list[str]) -> None:
    sample = [v.strip() for v in values if v.strip()][:500]
    fits = [written for parse, written in TIME_FORMATS if sample and all(_parses(v, parse) for v in sample)]
    if not fits:
        if sample and all(re.fullmatch(r"\d{5}(\.\d+)?", v) for v in sample):
            seen.lines.append("time_format: excel")
        elif sample and not all(re.match(r"\d{4}-\d{2}-\d{2}", v) for v in sample):
            seen.doubts.append(f"times look like {sample[0]!r}: say time_format")
        return
    if fits[0]:
        seen.lines.append(f'time_format: "{fits[0]}"')
    if len(set(fits)) > 1:
        seen.doubts.append(f"{sample[0]!r} could be day/month or month/day; {fits[0]} is a guess")


def _parses(value: str, pattern: str) -> bool:
    try:
        dt.datetime.strptime(value, pattern)
    except ValueError:
        return False
    return True


def _guess_decimal(seen: Look, values: list[str]) -> None:
    kinds = Counter(m[0] for v in values if (m := re.search(r"[.,](?=\d{1,2}$)", v.strip())))
    if kinds.get(",", 0) > kinds.get(".", 0) and 'decimal: ","' not in seen.lines:
        seen.lines.append('decimal: ","')
    grouped = [v for v in values if re.fullmatch(r"-?\d{1,3}([,.' ]\d{3})+([.,]\d+)?", v.strip())]
    marks = {re.search(r"[,.' ]", v.strip())[0] for v in grouped}  # type: ignore[index]
    line = f'thousands: "{min(marks)}"' if marks else ""
    if line and line not in seen.lines:
        seen.lines.append(line)
        seen.doubts.append(f"{grouped[0]!r} is read with {min(marks)!r} between thousands")


def _tables(seen: Look) -> list[tuple[str, str, dict[str, str]]]:
    """Return (table, one_row_per, columns) for what a file seems to hold; the first is its main table."""
    g = {k: _written(v) for k, v in seen.guesses.items()}

    def pick(*names: str) -> dict[str, str]:
        return {n: g[n] for n in names if n in g}

    found: list[tuple[str, str, dict[str, str]]] = []
    if "order_id" in g and ("product_id" in g or "quantity" in g):
        lines = pick("order_id", "product_id", "quantity")
        if "unit_price" in g and "quantity" in g:
            lines["amount"] = f"{_inside(seen.guesses['quantity'])} * {_inside(seen.guesses['unit_price'])}"
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
    elif "order_id" in g:
        found.append(("orders", "", pick("order_id", "customer_id", "placed_at", "paid_at", "region")))
    elif "product_id" in g and "name" in g:
        found.append(("products", "", pick("product_id", "name", "category", "brand")))
    elif "customer_id" in g:
        names = ("customer_id", "signed_up_at", "region", "birth_year", "gender", "acquisition_channel")
        found.append(("customers", "", pick(*names)))
    return found


def _written(header: str) -> str:
    """Return a header as a mapping's value; one that YAML would misread goes in quotes."""
    return header if re.fullmatch(r"[A-Za-z\u4e00-\u9fff][\w \u4e00-\u9fff]*", header) else repr(header)


def _inside(header: str) -> str:
    """Return a header as a name within an expression."""
    return header if header.isidentifier() else f"col({header!r})"


def _yaml(folder: Path, looks: list[Look]) -> str:
    name = re.sub(r"\W+", "_", folder.resolve().name.lower()).strip("_") or "my_shop"
    name = name if name[0].isalpha() else f"shop_{name}"
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
    out += ["", "tables:"]
    taken: set[str] = set()
    for n, seen in enumerate(looks):
        out += _entries(f"file_{n + 1}", seen, taken)
    if not taken:
        out += ["  order_lines:", "    from: file_1", "    columns:"]
        out += [
            f"      {c.name}: \"''\"   # doubt: {c.doc}" for c in TABLES["order_lines"].columns if c.required
        ]
    return "\n".join(out) + "\n"


def _entries(file: str, seen: Look, taken: set[str]) -> list[str]:
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
    used = set(seen.guesses.values())
    rest = [h for h in seen.columns if h not in used]
    personal = [h for h in rest if PERSONAL.search(h)]
    out += [f"  # {seen.file}: not used: {', '.join(rest)}"] if rest else []
    out += [f"  # of these {', '.join(personal)} look personal and may not come in"] if personal else []
    return out if tables else [f"  # doubt: {seen.file} fits no table by its column names", *out]


def _day_after(looks: list[Look]) -> dt.date:
    """Return the day after the latest date seen in the samples; the user knows better."""
    latest = dt.date(2000, 1, 1)
    for seen in looks:
        for name in ("placed_at", "paid_at", "signed_up_at"):
            for value in seen.columns.get(seen.guesses.get(name, ""), [])[-200:]:
                for parse, _ in TIME_FORMATS:
                    if _parses(value.strip(), parse):
                        latest = max(latest, dt.datetime.strptime(value.strip(), parse).date())
                        break
    return latest + dt.timedelta(days=1)
