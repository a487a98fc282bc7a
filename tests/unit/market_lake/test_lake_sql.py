"""SQL over a lake, with DuckDB and without it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from paperbot_core.diagnostics import UserError
from paperbot_core.market.lake.layout import Lake
from paperbot_core.market.lake.sql import query
from tests.candle_files import START
from tests.lake_world import ROWS, bars, build, store, take


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def test_sql_sees_silver_and_gold(lake: Lake, tmp_path: Path) -> None:
    pytest.importorskip("duckdb")
    assert query(lake, "select count(*) from gold").rows == [(0,)]
    take(lake, store(tmp_path, bars()))
    build(lake)
    answer = query(lake, "select symbol, count(*) as n, min(ts) from silver group by symbol")
    assert (answer.columns[:2], answer.rows) == (("symbol", "n"), [("BTC/USDT", ROWS, START)])
    for wrong in ("drop view gold", "select 1; select 2", "select nothing from gold", "selec", ""):
        with pytest.raises(UserError, match="PB6109"):
            query(lake, wrong)


def test_sql_without_duckdb_says_what_to_install(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(UserError, match="PB6108"):
        query(lake, "select 1")
