"""Take out of an executed notebook whatever differs from run to run and says nothing."""

from __future__ import annotations

import hashlib
import re
from typing import Any

# Memory addresses, process ids in temporary names, and the wall clock of statsmodels' summaries.
_PATTERNS = [
    (re.compile(r"\b0x[0-9a-f]{6,16}\b"), "0x…"),
    (re.compile(r"\S*ipykernel_\d+/\d+\.py"), "cell"),
    (re.compile(r"(Date:\s*)\w{3}, \d{2} \w{3} \d{4}"), r"\1               "),
    (re.compile(r"(Time:\s*)\d{2}:\d{2}:\d{2}"), r"\1        "),
]


def strip(nb: Any) -> Any:
    """Return a source notebook without outputs, counts, or metadata that a save may change (in place)."""
    nb.metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    for cell in nb.cells:
        tags = cell.metadata.get("tags")
        cell.metadata = {"tags": tags} if tags else {}
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    nb.nbformat, nb.nbformat_minor = 4, 5
    return nb


KERNEL = {"display_name": "Python 3 (growth)", "language": "python", "name": "python3"}


def executed(nb: Any, slug: str, parameters: dict[str, Any]) -> Any:
    """Normalise an executed notebook in place, so that two runs of the same give the same bytes."""
    nb.metadata = {
        "kernelspec": KERNEL,
        "language_info": {"name": "python"},
        "papermill": {"parameters": parameters},
    }
    for number, cell in enumerate(nb.cells):
        tags = cell.metadata.get("tags", [])
        cell.metadata = {"tags": tags} if tags else {}
        if "injected-parameters" in tags:
            cell["id"] = "injected-parameters"
        elif _is_random(cell["id"]):
            cell["id"] = hashlib.sha1(f"{slug}:{number}".encode()).hexdigest()[:8]
        for output in cell.get("outputs", []):
            _mask(output)
    return nb


def _is_random(identifier: str) -> bool:
    return re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-.*", identifier) is not None


def _mask(output: Any) -> None:
    if "text" in output:
        output["text"] = masked(output["text"])
    data = output.get("data", {})
    for kind, value in data.items():
        if kind.startswith("text/") and isinstance(value, str):
            data[kind] = masked(value)
    output.pop("transient", None)


def masked(text: str) -> str:
    """Return the text with addresses, temporary names and the wall clock blanked."""
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text
