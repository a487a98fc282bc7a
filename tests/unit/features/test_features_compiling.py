"""The compile helper: one signature, a cache folder of our own, and life without one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from paperbot_core.features import compiling
from paperbot_core.features.arrays import Floats, readonly
from paperbot_core.features.compiling import compile_function, is_compiled, jitable


@jitable
def doubled(x: float) -> float:
    return x + x


def double_all(x: Floats, out: Floats) -> None:
    for i in range(len(x)):
        out[i] = doubled(x[i])


def triple_all(x: Floats, out: Floats) -> None:
    for i in range(len(x)):
        out[i] = 3.0 * x[i]


@pytest.fixture
def fresh_cache_dir(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    monkeypatch.setenv("PAPERBOT_CACHE_DIR", str(tmp_path))
    compiling.cache_dir.cache_clear()
    yield tmp_path
    compiling.cache_dir.cache_clear()


def test_one_signature_for_any_array(fresh_cache_dir: Path) -> None:
    compiled = compile_function(double_all)
    assert compile_function(double_all) is compiled
    assert is_compiled(double_all)
    locked = np.arange(6.0)
    locked.flags.writeable = False
    for array in (np.arange(6.0), locked, np.arange(12.0)[::2], np.asfortranarray([[1.0]])[0]):
        out = np.empty(len(array))
        compiled(readonly(array), out)
        assert out.tolist() == [2.0 * v for v in array]
    assert len(compiled.signatures) == 1  # type: ignore[attr-defined]


def test_machine_code_goes_to_our_folder(fresh_cache_dir: Path) -> None:
    compile_function(triple_all)(np.arange(3.0), np.empty(3))
    (folder,) = (fresh_cache_dir / "paperbot").iterdir()
    assert folder.name.startswith(f"numba-{compiling.sources_hash()}-")
    assert list(folder.rglob("*.nbc"))


def test_without_a_place_to_write_it_compiles_in_memory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    monkeypatch.setenv("PAPERBOT_CACHE_DIR", str(blocked))
    compiling.cache_dir.cache_clear()
    try:
        assert compiling.cache_dir() is None
        out = np.empty(2)
        compiling._compile(triple_all, None)(np.ones(2), out)
        assert out.tolist() == [3.0, 3.0]
    finally:
        compiling.cache_dir.cache_clear()


def test_an_edit_of_any_source_changes_the_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for package in compiling.NUMBA_SOURCES:
        (tmp_path / package).mkdir()
        (tmp_path / package / "a.py").write_text("x = 1\n")
    monkeypatch.setattr(compiling, "__file__", str(tmp_path / "features" / "compiling.py"))
    compiling.sources_hash.cache_clear()
    before = compiling.sources_hash()
    (tmp_path / "kernel" / "a.py").write_text("x = 2\n")
    compiling.sources_hash.cache_clear()
    after = compiling.sources_hash()
    compiling.sources_hash.cache_clear()
    assert before != after


def test_the_table_and_a_live_bar_need_no_numba() -> None:
    code = """
import sys
from paperbot_core.features.table import FUNCTIONS
for function in FUNCTIONS.values():
    node = function.start([3.0 for _ in function.constants])
    node.update(*(1.0 for _ in (*function.columns, *function.inputs)))
assert not {"numba", "pandas", "pyarrow"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[3])
