"""The nightly job: series by series, failures apart, one report, people told."""

from __future__ import annotations

import asyncio
import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from paperbot_core.api import Candles, Diagnostic, RetryableError
from paperbot_core.diagnostics import UserError
from paperbot_core.market.lake.files import write_candles
from paperbot_core.market.lake.intake import ImportRequest, import_file
from paperbot_core.market.lake.layout import Lake, SeriesKey, read_manifest
from paperbot_core.market.lake.silver import read_series
from paperbot_core.market.nightly.alert import alert
from paperbot_core.market.nightly.run import only_one, preview, run_nightly
from paperbot_core.testing.archive import Archive, Fault
from tests import nightly_world as nw
from tests.nightly_world import BARS, END, HOUR

BTC = SeriesKey("sim", "BTC/USDT", "1h")
ETH = BARS.slice(0, 500)


def market(stop: int = 500) -> nw.Market:
    bars = BARS.slice(0, stop)
    eth = Candles("ETH/USDT", HOUR, bars.ts, bars.open, bars.high, bars.low, bars.close,
                  bars.volume)  # fmt: skip
    return nw.Market(BTC_USDT=bars, ETH_USDT=eth)


def stored(folder: Path, key: SeriesKey = BTC) -> Candles:
    lake = Lake(folder / "data")
    return read_series(lake, key, read_manifest(lake.silver(key) / "manifest.json"))


def without(bars: Candles, first: int, stop: int) -> Candles:
    keep = np.r_[0:first, stop : len(bars)]
    names = ("ts", "open", "high", "low", "close", "volume")
    return Candles(bars.symbol, HOUR, *(getattr(bars, name)[keep] for name in names))


def test_every_series_is_fetched_imported_checked_and_reported(tmp_path: Path) -> None:
    with Archive(answer=market().answer) as server:
        job = nw.jobs(server.url, "BTC/USDT", "ETH/USDT", bars=["4h"])
        report = run_nightly(nw.request(tmp_path, [job]))
    assert (report["verdict"], report["ok"], report["added"]) == ("ok", 2, 1_000)
    assert stored(tmp_path).close.tolist() == BARS.close.tolist()
    gold = tmp_path / "data/gold/sim"
    assert {p.name for p in gold.glob("*.parquet")} == {
        f"{name}-USDT_{tf}.parquet" for name in ("BTC", "ETH") for tf in ("1h", "4h")
    }
    assert json.loads(Path(report["report"]).read_text()) == json.loads(json.dumps(report))
    page = Path(report["page"]).read_text()
    assert "sim BTC/USDT 1h" in page
    assert "http:" not in page
    assert Path(report["report"]).parent.name == report["started"][:10]
    assert not list((tmp_path / "state/nightly/work").rglob("*.parquet"))


def test_the_next_night_asks_for_what_is_new_only(tmp_path: Path) -> None:
    with Archive(answer=market(400).answer) as server:
        job = nw.jobs(server.url, "BTC/USDT")
        run_nightly(nw.request(tmp_path, [job], now=END - 100 * HOUR))
        server.answer, server.requests = market().answer, []
        report = run_nightly(nw.request(tmp_path, [job]))
        assert server.paths()[0] == f"/BTC/USDT?since={int(BARS.ts[390])}"
        assert report["added"] == 100
        server.requests = []
        again = run_nightly(nw.request(tmp_path, [job]))
        assert (again["verdict"], again["added"], server.paths()) == ("ok", 0, [])
    assert len(stored(tmp_path)) == 500
    # A night costs its own bars in the bronze layer, not the whole series again.
    rows = [s["rows"] for s in read_manifest(
        Lake(tmp_path / "data").silver(BTC) / "manifest.json")["sources"]]  # fmt: skip
    assert rows == [400, 110]


def test_since_is_where_a_new_series_begins(tmp_path: Path) -> None:
    with Archive(answer=market().answer) as server:
        job = nw.jobs(server.url, "BTC/USDT", since="2024-01-03")
        run_nightly(nw.request(tmp_path, [job]))
    assert int(stored(tmp_path).ts[0]) == int(BARS.ts[48])


def test_one_that_fails_stops_no_other(tmp_path: Path) -> None:
    with Archive(answer=market().answer) as server:
        some = [
            nw.jobs("http://127.0.0.1:9", "BTC/USDT", source="other"),
            nw.jobs(server.url, "XXX/USDT", "ETH/USDT"),
            nw.jobs(server.url, "SOL/USDT", source="nobody"),
        ]
        report = run_nightly(nw.request(tmp_path, some))
    rows = {item["symbol"]: item for item in report["items"]}
    assert (report["verdict"], report["ok"], report["fail"]) == ("fail", 1, 3)
    codes = {s: [d["code"] for d in row["diagnostics"]] for s, row in rows.items()}
    assert codes == {
        "BTC/USDT": ["PB6210"], "XXX/USDT": ["PB6201"], "ETH/USDT": [], "SOL/USDT": ["PB5008"],
    }  # fmt: skip
    assert {row["failed_at"] for row in rows.values()} == {"fetch", None}


def test_a_gate_that_fails_fails_the_run_but_keeps_the_bars(tmp_path: Path) -> None:
    holes = nw.Market(BTC_USDT=without(BARS, 100, 150))
    with Archive(answer=holes.answer) as server:
        report = run_nightly(nw.request(tmp_path, [nw.jobs(server.url, "BTC/USDT")]))
    (item,) = report["items"]
    assert (item["verdict"], item["failed_at"], item["added"]) == ("fail", "check", 450)
    assert item["check"]["missing"] == 50
    with Archive(answer=holes.answer) as server:
        wide = nw.request(tmp_path, [nw.jobs(server.url, "BTC/USDT")],
                          gates={"missing_pct_max": 20})  # fmt: skip
        assert run_nightly(wide)["verdict"] == "warn"


def test_a_source_that_stands_still_is_found_out(tmp_path: Path) -> None:
    with Archive(answer=market().answer) as server:
        job = nw.jobs(server.url, "BTC/USDT", max_age_hours=24)
        assert run_nightly(nw.request(tmp_path, [job], now=END + 24 * HOUR))["verdict"] == "warn"
        report = run_nightly(nw.request(tmp_path, [job], now=END + 25 * HOUR))
    (item,) = report["items"]
    assert item["failed_at"] == "check"
    assert "closed 25 h ago" in item["check"]["findings"][-1]["text"]


def test_history_that_was_changed_is_refused(tmp_path: Path) -> None:
    changed = BARS.slice(0, 500)
    close = changed.close.copy()
    close[395] = (changed.high[395] + changed.low[395]) / 2
    other = Candles("BTC/USDT", HOUR, changed.ts, changed.open, changed.high, changed.low, close,
                    changed.volume)  # fmt: skip
    with Archive(answer=market(400).answer) as server:
        job = nw.jobs(server.url, "BTC/USDT")
        run_nightly(nw.request(tmp_path, [job], now=END - 100 * HOUR))
        server.answer = nw.Market(BTC_USDT=other).answer
        (item,) = run_nightly(nw.request(tmp_path, [job]))["items"]
        assert [d["code"] for d in item["diagnostics"]] == ["PB6202"]
        assert len(stored(tmp_path)) == 400
        # Who accepts the new past imports it; the next night goes on from there.
        write_candles(tmp_path / "BTC-USDT_1h.parquet", other.slice(0, 450))
        import_file(Lake(tmp_path / "data"), tmp_path / "BTC-USDT_1h.parquet",
                    ImportRequest("sim", END))  # fmt: skip
        report = run_nightly(nw.request(tmp_path, [job]))
    assert (report["verdict"], report["added"]) == ("ok", 50)
    assert stored(tmp_path).close.tolist() == close.tolist()


def test_what_an_interrupted_run_left_is_used_or_thrown_away(tmp_path: Path) -> None:
    work = tmp_path / "state/nightly/work/sim/loopback/BTC-USDT_1h.parquet"
    with Archive(answer=market().answer) as server:
        job = nw.jobs(server.url, "BTC/USDT")
        work.parent.mkdir(parents=True)
        work.write_bytes(b"half a file")
        assert run_nightly(nw.request(tmp_path, [job], now=END - 200 * HOUR))["added"] == 300
        # Killed before the import, and killed after it.
        for rows, added in ((450, 150), (450, 0)):
            write_candles(work, BARS.slice(290, rows))
            report = run_nightly(nw.request(tmp_path, [job], now=END - 50 * HOUR))
            assert (report["verdict"], report["added"]) == ("ok", added)
            assert not work.exists()
    assert stored(tmp_path).close.tolist() == BARS.close[:450].tolist()


def test_a_damaged_series_fails_alone(tmp_path: Path) -> None:
    with Archive(answer=market().answer) as server:
        job = nw.jobs(server.url, "BTC/USDT", "ETH/USDT")
        run_nightly(nw.request(tmp_path, [job], now=END - 10 * HOUR))
        part = next((tmp_path / "data/silver/sim/BTC-USDT/1h").glob("*.parquet"))
        part.chmod(0o644)
        part.write_bytes(part.read_bytes()[:-9])
        report = run_nightly(nw.request(tmp_path, [job]))
    assert [item["verdict"] for item in report["items"]] == ["fail", "ok"]
    assert report["items"][0]["diagnostics"][0]["code"] == "PB6105"


def test_a_source_that_hangs_is_given_up(tmp_path: Path, monkeypatch: Any) -> None:
    async def hang(*_args: Any) -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr(nw.Loopback, "page", hang)
    request = nw.request(tmp_path, [nw.jobs("http://127.0.0.1:9", "BTC/USDT")],
                         nightly={"timeout_min": 0.001})  # fmt: skip
    (item,) = run_nightly(request)["items"]
    assert [d["code"] for d in item["diagnostics"]] == ["PB6405"]


def test_an_error_that_is_none_of_ours_is_told(tmp_path: Path) -> None:
    (tmp_path / "state/nightly").mkdir(parents=True)
    (tmp_path / "state/nightly/work").write_text("a file where a folder must be")
    with Archive(answer=market().answer) as server:
        (item,) = run_nightly(nw.request(tmp_path, [nw.jobs(server.url, "BTC/USDT")]))["items"]
    assert [d["code"] for d in item["diagnostics"]] == ["PB6404"]


def test_failures_that_pass_are_counted(tmp_path: Path) -> None:
    with Archive(answer=market().answer) as server:
        server.faults = [Fault(status=429), None, Fault(status=503)]
        (item,) = run_nightly(nw.request(tmp_path, [nw.jobs(server.url, "BTC/USDT")]))["items"]
    assert (item["verdict"], item["retries"], item["added"]) == ("ok", 2, 500)


def test_only_one_at_a_time(tmp_path: Path) -> None:
    request = nw.request(tmp_path, [nw.jobs("http://127.0.0.1:9", "BTC/USDT")])
    with only_one(request.folder), pytest.raises(RetryableError, match="PB6401"):
        run_nightly(request)
    assert run_nightly(request)["verdict"] == "fail"


def test_nothing_to_do_is_no_success(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="PB6403"):
        run_nightly(nw.request(tmp_path, []))
    some = [nw.jobs("http://127.0.0.1:9", "BTC/USDT")]
    with pytest.raises(UserError, match=r"PB6403.*`lopback`"):
        run_nightly(nw.request(tmp_path, some, only="lopback"))


def test_only_one_source(tmp_path: Path) -> None:
    with Archive(answer=market().answer) as server:
        some = [nw.jobs(server.url, "BTC/USDT"), nw.jobs(server.url, "ETH/USDT", source="other")]
        report = run_nightly(nw.request(tmp_path, some, only="other"))
    assert [item["symbol"] for item in report["items"]] == ["ETH/USDT"]


def test_a_preview_changes_nothing(tmp_path: Path) -> None:
    some = [nw.jobs("http://127.0.0.1:9", "BTC/USDT"), nw.jobs("x", "ETH/USDT", source="nobody")]
    good, bad = preview(nw.request(tmp_path, some))
    assert (good["problem"], good["until"]) == (None, None)
    assert "PB5008" in bad["problem"]
    assert list(tmp_path.iterdir()) == []


def test_old_reports_go(tmp_path: Path) -> None:
    folder = tmp_path / "state/nightly"
    for day in ("2023-12-30", "2023-12-31"):
        (folder / day).mkdir(parents=True)
    with Archive(answer=market().answer) as server:
        run_nightly(nw.request(tmp_path, [nw.jobs(server.url, "BTC/USDT")],
                               nightly={"keep_reports": 2}))  # fmt: skip
    assert sorted(p.name for p in folder.glob("20*")) == ["2023-12-31", "2024-01-21"]


def test_people_are_told_of_failures_and_of_success_if_they_wish(tmp_path: Path) -> None:
    inbox = nw.Inbox()
    bad = [nw.jobs("http://127.0.0.1:9", "BTC/USDT")]
    report = run_nightly(nw.request(tmp_path, bad, notifier=inbox))
    (notice,) = inbox.notices
    assert notice.title == "nightly data job: 1 of 1 series failed"
    assert notice.text.startswith("sim BTC/USDT 1h: PB6210: ")
    assert report["alerts"] == [{"target": "slack", "sent": True, "error": None}]
    assert json.loads(Path(report["report"]).read_text())["alerts"] == report["alerts"]
    assert run_nightly(nw.request(tmp_path, bad, notifier=inbox, alerts=False))["alerts"] == []
    with Archive(answer=market().answer) as server:
        good = [nw.jobs(server.url, "BTC/USDT")]
        run_nightly(nw.request(tmp_path, good, notifier=inbox))
        assert len(inbox.notices) == 1
        run_nightly(nw.request(tmp_path, good, notifier=inbox, nightly={"alert_on": "always"}))
    assert inbox.notices[1].title == "nightly data job: 1 series are up to date"


def test_an_alert_that_is_lost_changes_nothing_else(tmp_path: Path) -> None:
    gone = nw.Inbox(RetryableError(Diagnostic("PB6210", "https://secret")))
    report = run_nightly(
        nw.request(tmp_path, [nw.jobs("http://127.0.0.1:9", "BTC/USDT")], notifier=gone)
    )
    assert report["alerts"] == [{"target": "slack", "sent": False, "error": "RetryableError"}]
    assert "not told, RetryableError" in Path(report["page"]).read_text()


def test_a_notifier_that_hangs_is_left_behind(tmp_path: Path) -> None:
    free = threading.Event()

    class Hanging:
        async def notify(self, _notice: Any) -> None:
            free.wait(30)

    request = nw.request(tmp_path, [nw.jobs("http://127.0.0.1:9", "BTC/USDT")], notifier=Hanging())
    report = run_nightly(nw.request(tmp_path, [nw.jobs("http://127.0.0.1:9", "BTC/USDT")]))
    try:
        (row,) = alert(request.settings, request.plugins, report, timeout_s=0.05)
    finally:
        free.set()
    assert row["error"] == "no answer within 0.05 s"


def test_a_report_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    inbox = nw.Inbox()
    request = nw.request(tmp_path, [nw.jobs("http://127.0.0.1:9", "BTC/USDT")], notifier=inbox)
    with pytest.raises(RetryableError, match="PB6407"):
        run_nightly(request)
    (tmp_path / "state").unlink()
    day = tmp_path / "state/nightly/2024-01-21"
    day.parent.mkdir(parents=True)
    day.write_text("a file")
    with pytest.raises(RetryableError, match="PB6407"):
        run_nightly(request)
    assert len(inbox.notices) == 1
