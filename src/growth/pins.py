"""What must be fixed before NumPy is imported, so that every machine computes the same bytes.

One thread for linear algebra, one kernel for each operation whatever the processor offers; measured on
native and emulated processors: without these a third of all outputs differ in their last digits.
"""

from __future__ import annotations

import os
import platform
import sys

_EVERYWHERE = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
    "SOURCE_DATE_EPOCH": "0",
}
_X86 = {
    "OPENBLAS_CORETYPE": "Haswell",
    "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4 AVX512_ICL AVX512_SPR",
}


def environment() -> dict[str, str]:
    """Return the variables that a process needs from its start."""
    return _EVERYWHERE | (_X86 if platform.machine() in ("x86_64", "AMD64") else {})


def apply() -> None:
    """Set them for this process and its children; must run before NumPy is imported.

    Reading a notebook imports a checker of addresses that compiles grammars for most of a second and is not needed
    here; without it, its only user (jsonschema) leaves that format unchecked.
    """
    os.environ.update(environment())
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
