"""Whatever happens to shares, and wherever a session stops, it makes the rows of the backtest."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from paperbot_core.domain.market import DAY_MS
from paperbot_core.ledger.rebuild import rebuild
from paperbot_core.ledger.verify import verify
from paperbot_core.market.events.events import make_events
from paperbot_core.market.events.files import events_path
from paperbot_core.market.events.table import write_events
from paperbot_core.trade.status import account_trades
from tests import session_world as sw
from tests.share_world import RULES, days, make_project

ROWS = 70
EVENTS = st.dictionaries(
    st.integers(0, ROWS),
    st.tuples(
        st.sampled_from([1.0, 2.0, 7.0, 1 / 3, 1.1, 0.125, 0.01]),
        st.sampled_from([0.0, 0.3, 1.27, 9.5]),
    ),
    max_size=10,
)


@settings(max_examples=8)
@given(
    seed=st.integers(0, 1_000), gaps=st.sampled_from([0.0, 0.3]), guard=st.booleans(),
    events=st.tuples(EVENTS, EVENTS), cuts=st.lists(st.integers(1, 25), max_size=4),
)  # fmt: skip
def test_sessions_over_shares_equal_the_backtest(
    seed: int, gaps: float, guard: bool,
    events: tuple[dict[int, tuple[float, float]], ...], cuts: list[int],
) -> None:  # fmt: skip
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = folder / "data"
        for number, symbol in enumerate(("AAPL", "ODD")):
            rows = {day: event for day, event in events[number].items() if event != (1.0, 0.0)}
            happened = [(day, *event) for day, event in sorted(rows.items())]
            candles = days(symbol, ROWS, seed + number, gaps=gaps, events=happened)
            # The last week is whole: a backtest also trades on one that has not ended.
            sw.write_candles(data, candles)
            path = events_path(data, symbol)
            path.parent.mkdir(exist_ok=True)
            write_events(path, make_events(
                symbol, [(sw.START + day * DAY_MS, s, c) for day, s, c in happened]
            ))  # fmt: skip
        project = make_project(folder / "p", data, RULES, guard=guard)
        whole, parts = (folder / n / "journal.sqlite" for n in ("whole", "parts"))
        sw.run_session(sw.replay_setup(project, data, whole.parent, timeframe="1d"))
        for bars in cuts:
            setup = sw.replay_setup(project, data, parts.parent, timeframe="1d")
            sw.run_session(setup, bars=bars)
        sw.run_session(sw.replay_setup(project, data, parts.parent, timeframe="1d"))
        reports = verify(whole), verify(parts)
        assert [r.ok for r in reports] == [True, True], reports
        assert reports[0].content_hash == reports[1].content_hash
        assert not rebuild(parts, dry_run=True).differences
        expected = sw.backtest_trades(project, list(RULES), [data])
        assert sw.plain(account_trades(parts)) == sw.plain(expected)
