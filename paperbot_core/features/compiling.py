"""Turns plain functions into compiled ones, and keeps the results in a cache folder of our own.

Numba is imported at the first `compile_function`, never before: live trading does without it.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import tempfile
import threading
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

#: Packages whose sources end up in compiled code. An edit in any of them starts a new cache
#: folder, because numba's own check looks at the file of the outermost function only.
NUMBA_SOURCES = ("features", "kernel")

_jitable: list[Callable[..., Any]] = []
_lean: set[Callable[..., Any]] = set()
_inlined: set[Callable[..., Any]] = set()
_registered: set[int] = set()
_compiled: dict[Callable[..., Any], Callable[..., Any]] = {}
_lock = threading.RLock()


def jitable(function: F) -> F:
    """Mark a plain function as callable from compiled code; it stays the plain function it is."""
    _jitable.append(function)
    return function


def lean(function: F) -> F:
    """Mark a function that only reads and writes what it is given, and never makes an array.

    Such functions are compiled without reference counts, whose atomic instructions took 40 % of
    the kernel's time, and run beside other threads. What they call must be lean too.
    """
    _jitable.append(function)
    _lean.add(function)
    return function


def inlined(function: F) -> F:
    """Mark a lean function as one to paste into compiled callers.

    For what the quiet path of the kernel calls on every bar: passing an array costs seven words.
    Pasting more made the first compilation twice as long and the kernel a sixth faster.
    """
    _inlined.add(function)
    return lean(function)


def compile_function(function: F, *, cache: bool = True) -> F:
    """Return `function` compiled by numba, made once a process; no fastmath, so the same floats.

    What it calls must be `@jitable` or known to numba. Pass arrays through `readonly`, or each
    mixture of writable and read-only arguments is compiled anew.

    Args:
        function: a plain module-level function.
        cache: keep the machine code on disk, where that is possible.
    """
    with _lock:
        known = _compiled.get(function)
        if known is None:
            known = _compiled[function] = _compile(function, cache_dir() if cache else None)
        return known  # type: ignore[return-value]  # a dispatcher has the signature it was made of


def is_compiled(function: Callable[..., Any]) -> bool:
    """Return whether this process has compiled `function` before, so that it costs nothing now."""
    return function in _compiled


def _compile(function: Callable[..., Any], folder: Path | None) -> Callable[..., Any]:
    numba = importlib.import_module("numba")
    for callee in _jitable:
        if id(callee) not in _registered:
            options: dict[str, Any] = {"_nrt": False} if callee in _lean else {}
            options["inline"] = "always" if callee in _inlined else "never"
            numba.extending.register_jitable(**options)(callee)
            _registered.add(id(callee))
    options = {"_nrt": False, "nogil": True} if function in _lean else {}
    if folder is None:
        compiled: Callable[..., Any] = numba.njit(**options)(function)
        return compiled
    # The folder is read when the dispatcher is made; other users of numba keep their own.
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(folder)
    try:
        compiled = numba.njit(cache=True, **options)(function)
    finally:
        numba.config.CACHE_DIR = before
    return compiled


@lru_cache(maxsize=1)
def cache_dir() -> Path | None:
    """Return the folder for compiled code, created if need be; None if none can be written."""
    version = importlib.import_module("numba").__version__
    folder = _user_cache_dir() / "paperbot" / f"numba-{sources_hash()}-{version}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError:
        # A read-only home is a normal way to run a container: compile afresh, in memory.
        return None


def _user_cache_dir() -> Path:
    for name in ("PAPERBOT_CACHE_DIR", "XDG_CACHE_HOME"):
        if os.environ.get(name):
            return Path(os.environ[name])
    return Path(os.path.expanduser("~")) / ".cache"


@lru_cache(maxsize=1)
def sources_hash() -> str:
    """Return a short hash of every source file that can end up in compiled code."""
    digest = hashlib.sha256()
    root = Path(__file__).parent.parent
    for package in NUMBA_SOURCES:
        for path in sorted((root / package).rglob("*.py")):
            digest.update(f"{path.relative_to(root).as_posix()}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
