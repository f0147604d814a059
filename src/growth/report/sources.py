"""What each stage's result depends on, as one small file a stage: its code, and nothing else.

A stage depends on the notebook's cells without outputs and metadata, and on the syntax trees of the modules
that it imports, directly or not. So saving a notebook in JupyterLab, a comment, a docstring or a new line reruns
nothing; a change in a helper reruns those who import it.
"""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import nbformat

from growth import paths
from growth.folders import fresh, replace
from growth.report.normalise import strip

SRC = Path(__file__).resolve().parents[1]


def entries() -> dict[str, tuple[list[str], str]]:
    """Return, for each stage, the modules it enters by and its notebook's topic (empty if none)."""
    found: dict[str, tuple[list[str], str]] = {
        "raw": (["growth.sources.stage"], ""),
        "ingest": (["growth.ingest.run"], ""),
        "site": (["growth.report.site"], ""),
    }
    for topic, slug in paths.TOPICS.items():
        found[f"marts_{slug}"] = (["growth.marts", f"growth.{topic}.marts"], "")
        found[slug] = (["growth.report.run", f"growth.{topic}.params"], topic)
    return found


def run() -> None:
    """Write ``build/sources/<stage>.json`` for every stage."""
    folder = paths.build("sources")
    new = fresh(folder.with_name("sources.new"))
    lock = hashlib.sha256((paths.find_root() / "requirements.lock").read_bytes()).hexdigest()
    for stage, (modules, topic) in entries().items():
        made: dict[str, Any] = {"requirements.lock": lock}
        if topic:
            cells = _cells(paths.notebook(topic))
            made["cells"] = cells
            modules = modules + sorted(set(_imports(ast.parse(_code(cells)), deep=True)))
        made["modules"] = closure(modules)
        text = json.dumps(made, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
        (new / f"{stage}.json").write_text(text, encoding="utf-8")
    replace(new, folder)


def _cells(file: Path) -> list[dict[str, Any]]:
    nb = strip(nbformat.read(file, as_version=4))
    return [
        dict(id=c["id"], kind=c.cell_type, source=c.source, tags=c.metadata.get("tags", [])) for c in nb.cells
    ]


def _code(cells: list[dict[str, Any]]) -> str:
    return "\n".join(c["source"] for c in cells if c["kind"] == "code")


def closure(modules: list[str]) -> dict[str, str]:
    """Return name -> hash of every module of the package, and asset, that these modules need.

    A parent package counts with what it imports when it is itself imported; a module also with the imports
    inside its functions.
    """
    found: dict[str, str] = {}
    waiting = [(m, True) for m in modules]
    seen: set[tuple[str, bool]] = set()
    while waiting:
        name, deep = waiting.pop()
        file = _file(name)
        if file is None or (name, deep) in seen:
            continue
        seen.add((name, deep))
        tree = _tree(file)
        found[name] = _hash(file)
        found.update(_assets(tree))
        parts = name.split(".")
        waiting += [(".".join(parts[:i]), False) for i in range(1, len(parts))]
        waiting += [(m, True) for m in _imports(tree, deep)]
    return dict(sorted(found.items()))


def _file(name: str) -> Path | None:
    """Return the file of a module of this package; None for anything else (a function, another package)."""
    head, *rest = name.split(".")
    if head != "growth":
        return None
    base = SRC.joinpath(*rest)
    for file in (base / "__init__.py", base.with_suffix(".py")):
        if file.is_file():
            return file
    return None


@cache
def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


@cache
def _hash(file: Path) -> str:
    return hashlib.sha256(shape(_tree(file)).encode()).hexdigest()[:20]


def _imports(tree: ast.AST, deep: bool) -> Iterator[str]:
    """Yield the names that a tree imports; those inside functions only if `deep`, those for types never."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names)
        elif isinstance(node, ast.ImportFrom):
            inside = (f"{node.module}.{a.name}" for a in node.names)
            yield from (name if _file(name) else node.module or "" for name in inside)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        elif deep or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _imports(node, deep)


def _assets(tree: ast.AST) -> dict[str, str]:
    """Return name -> hash of the shipped files that a module names in a string."""
    names = {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    files = {n: paths.asset(n) for n in names if n and "\n" not in n and len(n) < 60 and "." in n}
    return {
        f"assets/{n}": hashlib.sha256(f.read_bytes()).hexdigest()[:20]
        for n, f in files.items()
        if f.is_file()
    }


_DOCUMENTED = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def shape(node: Any) -> str:
    """Return a syntax tree as text, without positions, docstrings and what differs between Python versions."""
    if isinstance(node, list):
        return "[" + ",".join(shape(n) for n in node) + "]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = {}
    for name, value in ast.iter_fields(node):
        if name == "body" and isinstance(node, _DOCUMENTED) and ast.get_docstring(node) is not None:
            value = value[1:]
        if value not in (None, [], "") and name not in ("ctx", "kind", "type_comment", "type_params"):
            fields[name] = shape(value)
    return f"{type(node).__name__}({','.join(f'{k}={v}' for k, v in sorted(fields.items()))})"
