"""Every diagnostic code with its explanation: one module a range, one owner a code."""

from __future__ import annotations

import importlib
import pkgutil

from paperbot_core.diagnostics.codes.code import Code

__all__ = ["CODES", "Code"]


def _collect() -> dict[str, Code]:
    found: dict[str, Code] = {}
    for module in sorted(m.name for m in pkgutil.iter_modules(__path__) if m.name.startswith("pb")):
        for code in importlib.import_module(f"{__name__}.{module}").CODES:
            if code.id in found:
                raise AssertionError(f"diagnostic {code.id} is defined twice")
            found[code.id] = code
    return found


CODES: dict[str, Code] = _collect()
