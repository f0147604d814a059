"""The little language of a mapping: a column's name, a constant, arithmetic, a few functions. Nothing of SQL.

An expression is parsed with Python's own grammar, walked node by node, and built as Ibis; what is not on the list below
is refused by name. So a mapping can compute, and cannot reach the engine, the disk or another table.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import ibis

from growth.errors import UserError
from growth.words import plural

if TYPE_CHECKING:
    from ibis.expr.types import Table as Rows

NUMBER = "decimal(18, 8)"  # prices of fractions of a cent, times a quantity, are still exact
WIDE = "decimal(38, 8)"  # so that products fit
YES = ("true", "t", "yes", "y", "1", "1.0", "是")
NO = ("false", "f", "no", "n", "0", "0.0", "否")
_OPERATORS: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b.nullif(0),
}
_COMPARISONS: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Eq: lambda a, b: a == b,
    ast.NotEq: lambda a, b: a != b,
    ast.Lt: lambda a, b: a < b,
    ast.LtE: lambda a, b: a <= b,
    ast.Gt: lambda a, b: a > b,
    ast.GtE: lambda a, b: a >= b,
}


@dataclass
class Compiled:
    """An expression as Ibis, what can go wrong in it row by row (condition, reason), and the columns it reads."""

    value: Any
    faults: list[tuple[Any, str]] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)


@dataclass
class Compiler:
    """Compiles expressions over the columns of one raw file.

    Parameters
    ----------
    rows : ibis.Table
    where : str
        What is being mapped, for messages: ``orders.placed_at``.
    number : callable
        Turns a text column into plain digits (thousands and decimal marks of the file).
    """

    rows: Rows
    where: str
    number: Callable[[Any], Any]
    faults: list[tuple[Any, str]] = field(default_factory=list)
    read: list[str] = field(default_factory=list)

    def compile(self, source: Any) -> Compiled:
        """Compile a mapping's value: a number, a column's name as it stands in the file, or an expression."""
        if isinstance(source, bool | int | float):
            return Compiled(self._constant(source))
        if source in self._columns():
            return Compiled(self.rows[source], columns=[source])
        try:
            tree = ast.parse(str(source), mode="eval")
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            raise self._error(f"cannot read {source!r}") from None
        try:
            return Compiled(self._value(tree.body), self.faults, self.read)
        except RecursionError:
            raise self._error("the expression is too long") from None

    def _columns(self) -> list[str]:
        return [c for c in self.rows.columns if not c.startswith("_")]

    def _error(self, what: str) -> UserError:
        return UserError(f"{self.where}: {what} (docs/own-data.md lists what an expression may hold)")

    def _value(self, node: ast.AST) -> Any:
        if isinstance(node, ast.Name):
            return self._column(node.id)
        if isinstance(node, ast.Constant):
            return self._constant(node.value)
        if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
            return _OPERATORS[type(node.op)](self._number(node.left), self._number(node.right))
        if isinstance(node, ast.UnaryOp):
            return self._unary(node)
        if isinstance(node, ast.Compare):
            return self._compare(node)
        if isinstance(node, ast.BoolOp):
            parts = [self._condition(v) for v in node.values]
            return ibis.and_(*parts) if isinstance(node.op, ast.And) else ibis.or_(*parts)
        if isinstance(node, ast.Call):
            return self._call(node)
        raise self._error(f"{ast.unparse(node)!r} is not allowed")

    def _column(self, name: str) -> Any:
        if name not in self._columns():
            near = difflib.get_close_matches(name, self._columns(), 1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise self._error(f"the file has no column {name!r}; it has {', '.join(self._columns())}.{hint}")
        self.read.append(name)
        return self.rows[name]

    def _constant(self, value: object) -> Any:
        if isinstance(value, bool | int | str):
            return ibis.literal(value)
        if isinstance(value, float):
            return ibis.literal(str(value)).cast(WIDE)
        raise self._error(f"{value!r} is not allowed")

    def _number(self, node: ast.AST) -> Any:
        value = self._value(node)
        if value.type().is_numeric() and not value.type().is_floating():
            return value
        if not (value.type().is_string() or value.type().is_floating()):
            raise self._error(f"{ast.unparse(node)!r} is no number")
        digits = self.number(value) if value.type().is_string() else value
        number = digits.try_cast(NUMBER).cast(WIDE)
        self.faults.append((digits.notnull() & number.isnull(), f"{ast.unparse(node)} is not a number"))
        return number

    def _condition(self, node: ast.AST) -> Any:
        value = self._value(node)
        if not value.type().is_boolean():
            raise self._error(f"{ast.unparse(node)!r} is neither true nor false")
        return value

    def _unary(self, node: ast.UnaryOp) -> Any:
        if isinstance(node.op, ast.Not):
            return ~self._condition(node.operand)
        if isinstance(node.op, ast.USub):
            return -self._number(node.operand)
        raise self._error(f"{ast.unparse(node)!r} is not allowed")

    def _compare(self, node: ast.Compare) -> Any:
        left, parts = node.left, []
        for operator, right in zip(node.ops, node.comparators, strict=True):
            if type(operator) not in _COMPARISONS:
                raise self._error(f"{ast.unparse(node)!r} is not allowed; use == != < <= > >=")
            a, b = self._value(left), self._value(right)
            if a.type().is_numeric() or b.type().is_numeric():
                a, b = self._number(left), self._number(right)
            parts.append(_COMPARISONS[type(operator)](a, b))
            left = right
        return ibis.and_(*parts)

    def _call(self, node: ast.Call) -> Any:
        name = node.func.id if isinstance(node.func, ast.Name) else ast.unparse(node.func)
        functions: dict[str, tuple[int, Callable[..., Any]]] = {
            "col": (1, self._named_column),
            "upper": (1, lambda n: self._text(n).upper()),
            "lower": (1, lambda n: self._text(n).lower()),
            "strip": (1, lambda n: self._text(n).strip()),
            "number": (1, self._number),
            "missing": (1, lambda n: self._missing(n)),
            "startswith": (2, lambda a, b: self._text(a).startswith(self._text(b)).fill_null(False)),
            "contains": (2, lambda a, b: self._text(a).contains(self._text(b)).fill_null(False)),
            "coalesce": (2, lambda a, b: ibis.coalesce(self._value(a), self._value(b))),
            "join": (2, lambda a, b: self._text(a).concat(self._text(b))),
            "truth": (1, self._truth),
            "row": (0, self._row),
            "when": (3, lambda c, a, b: ibis.ifelse(self._condition(c), self._value(a), self._value(b))),
        }
        if name not in functions:
            raise self._error(f"there is no function {name!r}; there are {', '.join(functions)}")
        arity, function = functions[name]
        if len(node.args) != arity or node.keywords:
            raise self._error(f"{name} takes {plural(arity, 'value')}")
        return function(*node.args)

    def _named_column(self, node: ast.AST) -> Any:
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
            raise self._error("col takes a column's name in quotes")
        return self._column(node.value)

    def _text(self, node: ast.AST) -> Any:
        value = self._value(node)
        return value if value.type().is_string() else value.cast("string")

    def _row(self) -> Any:
        self.read.append("_row")
        return self.rows["_row"]

    def _truth(self, node: ast.AST) -> Any:
        """Return 1 for true, yes and the like, 0 for false, no and the like; anything else is a fault."""
        text = self._text(node).strip().lower().nullif("")
        number = ibis.cases((text.isin(YES), 1), (text.isin(NO), 0))
        self.faults.append(
            (text.notnull() & number.isnull(), f"{ast.unparse(node)} is neither true nor false")
        )
        return number

    def _missing(self, node: ast.AST) -> Any:
        value = self._value(node)
        return (value.strip().nullif("") if value.type().is_string() else value).isnull()
