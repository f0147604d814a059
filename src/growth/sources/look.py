"""What a file looks like: how it is written, and which of its columns are known by name and by value."""

from __future__ import annotations

import csv
import datetime as dt
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from keyword import iskeyword
from pathlib import Path

import pyarrow.parquet as pq

from growth.sources.files import PERSONAL
from growth.sources.textfile import likely_encoding

SAMPLE = 2000  # rows looked at, of at most so many characters
LOOKED_AT = 100_000

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
    "assigned_at": r"(assigned|assignment|exposed|exposure|enrolled|enrol+ment|randomi[sz]ed)(at|on|date|time)?"
    r"|分组时间",
}
TIMES = ("placed_at", "paid_at", "signed_up_at", "assigned_at")
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

    path: Path
    columns: dict[str, list[str]]
    encoding: str = "utf-8-sig"
    delimiter: str = ","
    lines: list[str] = field(default_factory=list)  # of its entry under files:
    guesses: dict[str, str] = field(default_factory=dict)  # contract column -> header
    doubts: list[str] = field(default_factory=list)

    @property
    def file(self) -> str:
        """The file's name."""
        return self.path.name


def look(file: Path) -> Look:
    """Read the beginning of a file and guess how it is written and what its columns are."""
    seen = _look_parquet(file) if file.suffix.lower() == ".parquet" else _look_text(file)
    _guess_columns(seen)
    return seen


def _look_parquet(file: Path) -> Look:
    batch = next(pq.ParquetFile(file).iter_batches(SAMPLE), None)
    rows = batch.to_pydict() if batch is not None else {}
    return Look(file, {c: ["" if v is None else str(v) for v in values] for c, values in rows.items()})


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
    found = encoding if encoding != "utf-8" else "utf-8-sig"
    return Look(file, columns, found, delimiter, lines=lines, doubts=doubts)


def every_value(seen: Look, header: str) -> Iterator[str]:
    """Yield the values of a column of the whole file, one after another."""
    if seen.path.suffix.lower() == ".parquet":
        for batch in pq.ParquetFile(seen.path).iter_batches(columns=[header]):
            yield from ("" if v is None else str(v) for v in batch.column(0).to_pylist())
        return
    place = list(seen.columns).index(header)
    with seen.path.open(encoding=seen.encoding, newline="", errors="replace") as text:
        for row in islice(csv.reader(text, delimiter=seen.delimiter), 1, None):
            yield row[place] if len(row) == len(seen.columns) else ""


def _guess_columns(seen: Look) -> None:
    for name, pattern in SYNONYMS.items():
        hits = [h for h in seen.columns if re.fullmatch(pattern, plain(h))]
        hits = [
            h
            for h in hits
            if h not in seen.guesses.values() and not (PERSONAL.search(h) and name != "customer_id")
        ]
        if hits:
            seen.guesses[name] = hits[0]
        if len(hits) > 1:
            seen.doubts.append(f"{name} may also be {', '.join(hits[1:])}")
    for name in TIMES:
        if name in seen.guesses:
            _guess_time(seen, seen.columns[seen.guesses[name]])
            break
    for name in ("unit_price", "amount", "quantity"):
        if name in seen.guesses:
            guess_decimal(seen, seen.columns[seen.guesses[name]])


def _guess_time(seen: Look, values: list[str]) -> None:
    sample = [v.strip() for v in values if v.strip()][:500]
    fits = [written for parse, written in TIME_FORMATS if sample and all(parses(v, parse) for v in sample)]
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


def parses(value: str, pattern: str) -> bool:
    """Return whether a value is a moment written in this way."""
    try:
        dt.datetime.strptime(value, pattern)
    except ValueError:
        return False
    return True


def guess_decimal(seen: Look, values: list[str]) -> None:
    """Add to a file's entry how a column of numbers marks decimals and thousands."""
    kinds = Counter(m[0] for v in values if (m := re.search(r"[.,](?=\d{1,2}$)", v.strip())))
    if kinds.get(",", 0) > kinds.get(".", 0) and 'decimal: ","' not in seen.lines:
        seen.lines.append('decimal: ","')
    grouped = [v for v in values if re.fullmatch(r"-?\d{1,3}([,.' ]\d{3})+([.,]\d+)?", v.strip())]
    marks = {re.search(r"[,.' ]", v.strip())[0] for v in grouped}  # type: ignore[index]
    line = f'thousands: "{min(marks)}"' if marks else ""
    if line and line not in seen.lines:
        seen.lines.append(line)
        seen.doubts.append(f"{grouped[0]!r} is read with {min(marks)!r} between thousands")


def plain(header: str) -> str:
    """Return a header without what people write differently: in lower case, spaces, points, - and _ taken out."""
    return re.sub(r"[\s_\-.]", "", header).lower()


def written(header: str) -> str:
    """Return a header as a mapping's value; one that YAML would misread goes in quotes."""
    simple = re.fullmatch(r"[A-Za-z\u4e00-\u9fff][\w \u4e00-\u9fff]*", header)
    return header if simple and header.lower() not in ("null", "true", "false") else repr(header)


def inside(header: str) -> str:
    """Return a header as a name within an expression."""
    return header if header.isidentifier() and not iskeyword(header) else f"col({header!r})"
