"""The page: self-contained, escaped, complete, small enough."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from paperbot_core.cli.report import report
from paperbot_core.report.html import render_html
from paperbot_core.report.run import SavedRun
from paperbot_core.report.store import RunStore

MakeRun = Callable[..., SavedRun]
VOID = {"meta", "wbr", "br"}


class Structure(HTMLParser):
    """Checks that every element is closed in order; keeps the text outside of scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert not any(name in ("src", "href") or name.startswith("on") for name, _ in attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("script", "style"):
            self.words.append(data)


def parsed(page: str) -> Structure:
    structure = Structure()
    structure.feed(page)
    structure.close()
    assert structure.open == []
    return structure


def embedded(page: str) -> dict[str, object]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    assert found is not None
    data: dict[str, object] = json.loads(found[1])
    return data


def test_the_page_needs_nothing_but_itself(make_run: MakeRun) -> None:
    page = render_html(make_run())
    structure = parsed(page)
    assert not {"link", "img", "iframe", "object"} & set(structure.tags)
    assert not re.search(r"https?://|@import|url\(", page)
    assert "default-src 'none'" in page
    text = " ".join(structure.words)
    for words in ("+10.00 %", "1,100.00 USDT", "BTC/USDT, ETH/USDT", "66.67 %", "Jan", "COOLDOWN"):
        assert (words in text) == (words != "COOLDOWN")
    assert "CASH" in text


def test_data_survives_the_way_into_the_page(make_run: MakeRun) -> None:
    run = make_run(trades=7)
    data = embedded(render_html(run))
    trades = data["trades"]
    assert isinstance(trades, dict)
    pnl = np.frombuffer(base64.b64decode(trades["numbers"]["pnl"]), "<f8")
    np.testing.assert_array_equal(pnl, run.trades["pnl"])
    names, index = trades["words"]["symbol"]["names"], trades["words"]["symbol"]["index"]
    numbers = np.frombuffer(base64.b64decode(index), "<i4")
    assert [names[n] for n in numbers] == run.trades["symbol"]
    markets = data["markets"]
    assert isinstance(markets, list)
    assert [market["symbol"] for market in markets] == ["BTC/USDT", "ETH/USDT"]
    closes = np.frombuffer(base64.b64decode(markets[0]["c"]), "<f4")
    np.testing.assert_allclose(closes, run.bars[0].close)


def test_hostile_names_stay_text(make_run: MakeRun) -> None:
    evil = '</script><script>alert(1)</script><img src=x onerror="alert(2)">'
    run = make_run(strategies=[evil], symbols=[evil], warnings=[evil], mode=evil, timeframe=evil,
                   rejections={evil: 1}, created=evil, halted_at=evil)
    run.trades["symbol"][:] = [evil] * 3  # type: ignore[index]
    run.trades["exit_reason"][:] = [evil] * 3  # type: ignore[index]
    page = render_html(run)
    structure = parsed(page)
    assert structure.tags.count("script") == 2
    assert "img" not in structure.tags
    assert "alert(1)" in " ".join(structure.words)


def test_warnings_and_halts_come_first(make_run: MakeRun) -> None:
    page = render_html(make_run(halted_at=1_609_545_600_000))
    halt, warning = page.index("halted at 2021-01-02"), page.index("one &lt;b&gt;")
    assert halt < warning < page.index("Total return")
    assert "<code>big</code>" in page


@pytest.mark.parametrize(("trades", "marks"), [(0, 50), (0, 0), (1, 1)])
def test_little_makes_a_page_too(make_run: MakeRun, trades: int, marks: int) -> None:
    page = render_html(make_run(trades=trades, marks=marks))
    assert ("No trades." in page) == (trades == 0)
    parsed(page)
    bare = make_run(trades=trades, marks=marks)
    parsed(render_html(SavedRun({"run_id": "x"}, bare.trades, bare.fills, bare.equity)))


def test_a_huge_run_stays_small(make_run: MakeRun) -> None:
    page = render_html(make_run(trades=50_000, marks=500_000))
    assert len(page) < 8_000_000


def test_the_command_shows_the_latest_run(tmp_path: Path, make_run: MakeRun) -> None:
    RunStore(tmp_path).save(make_run())
    target = tmp_path / "deep" / "report.html"

    def call(*args: str) -> str:
        result = CliRunner().invoke(report, [*args, "--state-dir", str(tmp_path)])
        assert result.exit_code == 0, result.output
        return result.stdout

    assert "sma_cross" in call()
    assert json.loads(call("--json"))["run_id"] == "20240101T000000-abc"
    assert call("2024", "--html", str(target)).endswith(f"report: {target}\n")
    assert target.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert call("--list") == "20240101T000000-abc  2024-01-01T00:00:00Z  sma_cross\n"
    assert json.loads(call("--list", "--json"))[0]["cash"] == 1_000.0


def test_a_page_that_cannot_be_written(tmp_path: Path, make_run: MakeRun) -> None:
    RunStore(tmp_path).save(make_run())
    (tmp_path / "file").write_text("x")
    result = CliRunner().invoke(
        report, ["--state-dir", str(tmp_path), "--html", str(tmp_path / "file" / "r.html")]
    )
    assert "PB6033" in str(result.exception)
