"""yfinance with its network cut off and a made-up Yahoo in its place."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import paperbot_yahoo
import pytest
import yfinance
from paperbot_yahoo import YahooOptions
from paperbot_yahoo.history import YahooHistory
from pyarrow import parquet
from yfinance.exceptions import YFPricesMissingError, YFRateLimitError, YFTzMissingError

from paperbot_core.api import DataError, DataSource, RetryableError, UserError
from paperbot_core.testing.builders import plugins_of
from paperbot_core.testing.contracts import DataSourceContract, run
from paperbot_core.testing.downloads import Downloaded, download

DAY = 86_400_000
#: Saturday 2024-03-16 12:00 UTC.
NOW = 1_710_590_400_000


def table(index: pd.DatetimeIndex, seed: int = 1) -> pd.DataFrame:
    chance = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(chance.normal(0.0, 0.01, len(index))))
    open_ = np.roll(close, 1)
    frame = {
        "Open": open_,
        "High": np.maximum(open_, close) * 1.01,
        "Low": np.minimum(open_, close) * 0.99,
        "Close": close,
        "Volume": chance.integers(1_000, 9_000, len(index)),
    }
    return pd.DataFrame(frame, index=index)


def days(first: str = "2024-01-02", last: str = "2024-03-15") -> pd.DataFrame:
    holidays = pd.to_datetime(["2024-01-15", "2024-02-19"])
    index = pd.bdate_range(first, last).difference(holidays)
    return table(index.tz_localize("America/New_York"))


class Yahoo:
    """What `yfinance.Ticker(symbol).history(...)` answers: a part of `rows`, or a fault."""

    def __init__(self, rows: pd.DataFrame) -> None:
        self.rows = rows
        self.faults: list[Exception | None] = []
        self.asked: list[dict[str, Any]] = []
        self.asked_actions = 0
        #: `2024-02-01` -> cash a share, new shares for one; 0 is none.
        self.actions: dict[str, tuple[float, float]] = {}

    def ticker(self, symbol: str) -> Any:
        outer = self

        class Ticker:
            def history(self, start: datetime, end: datetime, **how: Any) -> pd.DataFrame:
                assert yfinance.config.debug.hide_exceptions is False
                if how["actions"]:
                    return outer.told_actions()
                outer.asked.append({"symbol": symbol, "start": start, "end": end, **how})
                if outer.faults and (fault := outer.faults.pop(0)):
                    raise fault
                index = outer.rows.index
                return outer.rows[(index >= start) & (index < end)]

        return Ticker()

    def told_actions(self) -> pd.DataFrame:
        """Return the whole history with its actions, as Yahoo tells it."""
        self.asked_actions += 1
        frame = self.rows.copy()
        frame["Dividends"], frame["Stock Splits"] = 0.0, 0.0
        for date, (cash, split) in self.actions.items():
            at = pd.Timestamp(date, tz="America/New_York")
            frame.loc[at, ["Dividends", "Stock Splits"]] = [cash, split]
        return frame


@pytest.fixture
def yahoo(monkeypatch: pytest.MonkeyPatch) -> Yahoo:
    made = Yahoo(days())
    monkeypatch.setattr(yfinance, "Ticker", made.ticker)
    return made


def source(**options: Any) -> YahooHistory:
    return YahooHistory(YahooOptions.model_validate(options), lambda: NOW)


class TestYahooContract(DataSourceContract):
    SYMBOL = "AAPL"
    TIMEFRAME = "1d"
    SINCE = 1_704_153_600_000

    @pytest.fixture(autouse=True)
    def _stand_in(self, yahoo: Yahoo) -> None:
        self.yahoo = yahoo

    def make(self) -> DataSource:
        return source()


def test_a_day_is_the_date_of_its_session(yahoo: Yahoo) -> None:
    page = run(source(adjust="splits").page("AAPL", "1d", 0, 1_000))
    dates = [f"{t:%Y-%m-%d}" for t in yahoo.rows.index]
    assert [str(t)[:10] for t in page.candles.ts.astype("datetime64[ms]")] == dates
    assert page.candles.close.tolist() == yahoo.rows["Close"].tolist()
    assert page.following is None
    assert yfinance.config.debug.hide_exceptions is True


def test_the_past_is_asked_for_as_the_options_say(yahoo: Yahoo) -> None:
    run(source().page("BRK/B", "1d", 0, 9))
    run(source(adjust="all", prepost=True).page("BTC/USD", "1d", 0, 9))
    first, second = yahoo.asked
    assert (first["symbol"], first["auto_adjust"], first["prepost"]) == ("BRK-B", False, False)
    assert (second["symbol"], second["auto_adjust"], second["prepost"]) == ("BTC-USD", True, True)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_times_of_a_day_are_utc_whatever_their_unit(yahoo: Yahoo, unit: str) -> None:
    index = pd.date_range("2024-03-08 09:30", "2024-03-08 15:55", freq="5min")
    summer = pd.date_range("2024-03-11 09:30", "2024-03-11 15:55", freq="5min")
    both = pd.DatetimeIndex(index.append(summer).to_numpy().astype(f"datetime64[{unit}]"))
    yahoo.rows = table(both.tz_localize("America/New_York"))
    page = run(source().page("AAPL", "5m", NOW - 20 * DAY, 1_000))
    opens = {str(t)[:16] for t in page.candles.ts.astype("datetime64[ms]")}
    assert {"2024-03-08T14:30", "2024-03-11T13:30"} <= opens
    assert len(page.candles) == 2 * 78


def test_intraday_is_paged_and_what_is_too_old_is_said(yahoo: Yahoo) -> None:
    index = pd.date_range("2024-02-10", "2024-03-16 11:59", freq="1min", tz="UTC")
    yahoo.rows = table(index)
    made, times, notes = source(), list[int](), list[str]()
    following: int | None = 0
    while following is not None:
        page = run(made.page("BTC/USD", "1m", following, 1_000))
        times += page.candles.ts.tolist()
        notes += page.notes
        following = page.following
    assert times == list(range(NOW - 29 * DAY, NOW, 60_000))
    assert notes == ["Yahoo keeps bars of 1m for 29 days only"]
    assert len(yahoo.asked) == 5
    assert all(ask["end"] - ask["start"] <= pd.Timedelta(days=7) for ask in yahoo.asked)


def test_a_bar_that_is_not_closed_is_left_out(yahoo: Yahoo) -> None:
    yahoo.rows = table(pd.date_range("2024-03-14", "2024-03-16", tz="UTC"))
    page = run(source().page("BTC/USD", "1d", NOW - 5 * DAY, 1_000))
    assert str(page.candles.ts.astype("datetime64[ms]")[-1])[:10] == "2024-03-15"


def test_hours_off_the_grid_are_refused(yahoo: Yahoo) -> None:
    yahoo.rows = table(pd.date_range("2024-03-08 14:30", periods=7, freq="1h", tz="UTC"))
    with pytest.raises(DataError, match=r"PB6222.*grid"):
        run(source().page("AAPL", "1h", NOW - 20 * DAY, 1_000))


def test_an_unknown_volume_is_not_zero(yahoo: Yahoo) -> None:
    yahoo.rows["Volume"] = 0
    assert np.isnan(run(source().page("^GSPC", "1d", 0, 9)).candles.volume).all()
    assert (run(source().page("AAPL", "1d", 0, 9)).candles.volume == 0).all()


@pytest.mark.parametrize(
    "empty",
    [
        lambda yahoo: setattr(yahoo, "rows", yahoo.rows.iloc[:0]),
        lambda yahoo: yahoo.faults.append(YFPricesMissingError("AAPL", "")),
        lambda yahoo: yahoo.faults.append(YFTzMissingError("AAPL")),
    ],
)
def test_an_empty_answer_is_an_error(yahoo: Yahoo, empty: Callable[[Yahoo], None]) -> None:
    empty(yahoo)
    with pytest.raises(DataError, match="PB6201"):
        run(source().page("AAPL", "1d", 0, 1_000))


def test_an_empty_page_in_the_middle_is_a_holiday(yahoo: Yahoo) -> None:
    yahoo.rows = table(pd.date_range("2024-02-17 12:00", periods=100, freq="1min", tz="UTC"))
    made = source()
    first = run(made.page("X", "1m", NOW - 28 * DAY, 9))
    assert len(first.candles) == 100
    second = run(made.page("X", "1m", NOW - 20 * DAY, 9))
    assert (len(second.candles), second.following) == (0, NOW - 13 * DAY)


@pytest.mark.parametrize(
    "fault", [YFRateLimitError(), ConnectionError("https://x?crumb=secret"), KeyError("chart")]
)
def test_failures_are_worth_another_try_and_show_no_secret(yahoo: Yahoo, fault: Exception) -> None:
    yahoo.faults = [fault]
    made = source()
    with pytest.raises(RetryableError, match="PB6210") as caught:
        run(made.page("AAPL", "1d", 0, 9))
    assert "secret" not in str(caught.value)
    assert len(run(made.page("AAPL", "1d", 0, 9)).candles)


def test_a_table_of_another_shape_is_an_error(yahoo: Yahoo) -> None:
    good = yahoo.rows
    yahoo.rows = good.rename(columns={"Close": "Adj Close"})
    with pytest.raises(DataError, match=r"PB6221.*`Close`"):
        run(source().page("AAPL", "1d", 0, 9))


@pytest.mark.parametrize(
    ("symbol", "timeframe"), [("AAPL", "4h"), ("AAPL", "1w"), ("A B", "1d"), ("", "1d")]
)
def test_what_yahoo_has_not_is_refused(yahoo: Yahoo, symbol: str, timeframe: str) -> None:
    with pytest.raises(UserError, match="PB6222"):
        run(source().page(symbol, timeframe, 0, 9))
    assert yahoo.asked == []


def test_the_file_is_the_cache_and_force_asks_again(yahoo: Yahoo, tmp_path: Path) -> None:
    def fetch(until: str = "2024-03-15", force: bool = False) -> Downloaded:
        return download(source(), "AAPL", "1d", tmp_path, until=until, force=force)

    first = fetch()
    assert (first.added, len(first.gaps.holes), first.gaps.missing) == (51, 0, 0)
    assert len(yahoo.asked) == 1
    assert fetch().added == 0
    assert len(yahoo.asked) == 1
    yahoo.rows = yahoo.rows / 4  # a split rewrites the past
    with pytest.raises(DataError, match="PB6202"):
        fetch(until="2024-03-16")
    assert len(fetch(force=True).candles) == 51


def test_prices_are_those_paid_and_actions_those_of_their_day(yahoo: Yahoo) -> None:
    yahoo.actions = {
        "2024-01-10": (0.25, 0.0),  # 1.00 a share then: there were four fewer
        "2024-02-01": (0.0, 4.0),
        "2024-03-01": (0.3, 0.0),
    }
    told = yahoo.rows["Close"].to_numpy().astype(np.float32).astype(np.float64)
    yahoo.rows["Close"] = told
    made = source()
    bars = run(made.page("AAPL", "1d", 0, 1_000)).candles
    events = run(made.events("AAPL"))
    assert yahoo.asked_actions == 1
    split = 1_706_745_600_000  # 2024-02-01
    before = bars.ts < split
    assert bars.close[~before] == pytest.approx(told[~before], rel=1e-6)
    assert bars.close[before] == pytest.approx(told[before] * 4, rel=1e-6)
    assert (bars.volume[before] == np.rint(yahoo.rows["Volume"].to_numpy()[before] / 4)).all()
    days = [str(t)[:10] for t in events.ts.astype("datetime64[ms]")]
    assert days == ["2024-01-10", "2024-02-01", "2024-03-01"]
    assert events.split.tolist() == [1.0, 4.0, 1.0]
    assert events.dividend.tolist() == [1.0, 0.0, 0.3]


@pytest.mark.parametrize(("adjust", "wanted"), [("splits", [0.25, 0.3]), ("all", [])])
def test_to_adjusted_prices_belong_no_splits(
    yahoo: Yahoo, adjust: str, wanted: list[float]
) -> None:
    yahoo.actions = {"2024-01-10": (0.25, 0.0), "2024-02-01": (0.0, 4.0), "2024-03-01": (0.3, 0.0)}
    events = run(source(adjust=adjust).events("AAPL"))
    assert events.dividend.tolist() == wanted
    assert (events.split == 1.0).all()


def test_a_later_split_changes_no_stored_bar(yahoo: Yahoo, tmp_path: Path) -> None:
    cents = yahoo.rows[["Open", "High", "Low", "Close"]].round(2)
    yahoo.rows[["Open", "High", "Low", "Close"]] = cents.astype(np.float32).astype(np.float64)
    yahoo.actions = {"2024-01-10": (0.24, 0.0)}
    first = download(source(), "AAPL", "1d", tmp_path, until="2024-03-11")
    assert (len(first.candles), first.events is not None and len(first.events)) == (47, 1)
    # 3 for 1 on the 11th: Yahoo tells all that was before in thirds.
    past = yahoo.rows.index < pd.Timestamp("2024-03-11", tz="America/New_York")
    thirds = (cents[past] / 3).astype(np.float32).astype(np.float64)
    yahoo.rows.loc[past, ["Open", "High", "Low", "Close"]] = thirds
    yahoo.rows.loc[past, "Volume"] = yahoo.rows.loc[past, "Volume"] * 3
    yahoo.actions = {"2024-01-10": (0.08, 0.0), "2024-03-11": (0.0, 3.0)}
    second = download(source(), "AAPL", "1d", tmp_path, until="2024-03-16", now_ms=NOW)
    assert second.added == 5
    assert second.candles.close[:47].tolist() == first.candles.close.tolist()
    assert second.events is not None
    assert second.events.dividend.tolist() == [0.24, 0.0]
    stored = parquet.read_table(tmp_path / "events/AAPL_events.parquet").to_pydict()
    assert stored["split"] == [1.0, 3.0]
    adjusted = download(source(adjust="all"), "AAPL", "1d", tmp_path, force=True, now_ms=NOW)
    assert adjusted.events is not None
    assert parquet.read_table(tmp_path / "events/AAPL_events.parquet").num_rows == 0


def test_where_there_never_was_an_event_is_no_file(yahoo: Yahoo, tmp_path: Path) -> None:
    done = download(source(), "AAPL", "1d", tmp_path, until="2024-03-15")
    assert done.events is not None
    assert not (tmp_path / "events").exists()


def test_actions_of_another_shape_are_an_error(
    yahoo: Yahoo, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = yahoo.told_actions()
    monkeypatch.setattr(yahoo, "told_actions", lambda: frame.drop(columns="Stock Splits"))
    with pytest.raises(DataError, match=r"PB6221.*`Stock Splits`"):
        run(source().events("AAPL"))
    monkeypatch.setattr(yahoo, "told_actions", lambda: frame.tz_localize(None))
    with pytest.raises(DataError, match=r"PB6221.*zone"):
        run(source().events("AAPL"))
    frame["Capital Gains"] = 0.0
    frame.iloc[3, -1] = 0.7
    monkeypatch.setattr(yahoo, "told_actions", lambda: frame)
    assert run(source().events("AAPL")).dividend.tolist() == [0.7]


def test_the_component_builds_with_its_defaults() -> None:
    plugins = plugins_of({"paperbot-yahoo": paperbot_yahoo})
    assert isinstance(plugins.build("data_source", "yahoo"), YahooHistory)
