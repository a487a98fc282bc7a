"""Which library computes: pandas-ta-classic, or pandas-ta where the user says so."""

from __future__ import annotations

import importlib
import os
from functools import cache
from importlib.metadata import version
from types import ModuleType

VARIABLE = "PAPERBOT_PANDAS_TA"
_MODULES = {"pandas-ta-classic": "pandas_ta_classic", "pandas-ta": "pandas_ta"}


def chosen() -> str:
    """Return the distribution to use.

    Raises:
        ValueError: the environment names another one.
    """
    name = os.environ.get(VARIABLE) or "pandas-ta-classic"
    if name not in _MODULES:
        raise ValueError(f"{VARIABLE} is {name!r}, not one of {', '.join(_MODULES)}")
    return name


def library_name() -> str:
    """Return the distribution and its version, without importing it.

    Raises:
        PackageNotFoundError: it is not installed.
    """
    return f"{chosen()} {version(chosen())}"


@cache
def library() -> ModuleType:
    """Return the imported library."""
    return importlib.import_module(_MODULES[chosen()])
