"""What splits and dividends do to positions, orders and trades of a journal; what it refuses."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from paperbot_core.diagnostics import PaperbotError
from paperbot_core.domain.events import DividendPaid, Event, OrderKind, SharesSplit
from paperbot_core.domain.market import HOUR_MS
from paperbot_core.domain.words import Side
from paperbot_core.ledger.journal import Journal
from paperbot_core.ledger.reader import JournalReader
from paperbot_core.ledger.rebuild import rebuild
from paperbot_core.ledger.schema import MIGRATIONS, statements
from paperbot_core.ledger.verify import verify
from tests.unit.ledger.histories import ACCOUNT, SYMBOLS, a_fill, an_order

SYMBOL = SYMBOLS[0]


def cash(ts: int, quantity: str, amount: str) -> DividendPaid:
    each = Decimal(amount) / Decimal(quantity)
    return DividendPaid(
        ts, "sma_cross", SYMBOL, ts - HOUR_MS, each, Decimal(quantity), Decimal(amount)
    )


def a_split(
    ts: int, ratio: str, quantity: str, limit: str | None = None, order: str = "0"
) -> SharesSplit:
    price = None if limit is None else Decimal(limit)
    return SharesSplit(
        ts, "sma_cross", SYMBOL, ts - HOUR_MS, Decimal(ratio), Decimal(quantity),
        Decimal(order), price,
    )


def written(path: Path, *events: Event) -> Path:
    with Journal.open(path, account=ACCOUNT, run_id="r") as journal:
        for event in events:
            journal.commit([event])
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


@pytest.mark.parametrize(("side", "sign", "pnl"), [
    (Side.LONG, "", "4.25"), (Side.SHORT, "-", "-4.75"),
])  # fmt: skip
def test_a_position_over_a_split_and_a_dividend(
    path: Path, side: Side, sign: str, pnl: str
) -> None:
    written(
        path,
        a_fill(1 * HOUR_MS, side=side, quantity="0.5", price="100", fee="0.05"),
        cash(2 * HOUR_MS, sign + "0.5", sign + "1.00"),
        a_split(3 * HOUR_MS, "4", sign + "2.0"),
        a_fill(4 * HOUR_MS, opens=False, side=side, quantity="0.5", price="26", fee="0.05",
               fill_id="f2"),
    )  # fmt: skip
    with JournalReader(path) as reader:
        (held,) = reader.table("positions")
        assert (held["quantity"], held["entry_price"]) == ("1.5", "25")
        assert Decimal(held["income"]) == Decimal(sign + "1.00")
        assert [row["kind"] for row in reader.table("corporate")] == ["dividend", "split"]
    last = a_fill(5 * HOUR_MS, opens=False, side=side, quantity="1.5", price="27", fee="0.15",
                  fill_id="f3", flat=True)  # fmt: skip
    written(path, last)
    with JournalReader(path) as reader:
        (trade,) = reader.table("trades")
    # 53.5 came of 50, 0.25 are fees, 1 is cash.
    assert (trade["quantity"], Decimal(trade["pnl"])) == ("2.0", Decimal(pnl))
    assert verify(path).ok
    assert not rebuild(path, dry_run=True).differences


def test_a_resting_order_is_exchanged(path: Path) -> None:
    order = replace(an_order(quantity="0.5"), kind=OrderKind.LIMIT)
    written(path, order, a_split(HOUR_MS, "0.125", "0", "804", "0.0625"))
    with JournalReader(path) as reader:
        (found,) = reader.open_orders()
        assert reader.table("positions") == []
    assert (found["quantity"], found["limit_price"]) == ("0.0625", "804")
    # What the split leaves of a lot stays when the slot is closed.
    written(
        path, a_fill(2 * HOUR_MS, quantity="0.0625", price="804"),
        a_fill(3 * HOUR_MS, opens=False, quantity="0.06", price="804", fill_id="f2", flat=True),
    )  # fmt: skip
    assert verify(path).ok


@pytest.mark.parametrize("event", [
    cash(2 * HOUR_MS, "0.4", "1"), cash(2 * HOUR_MS, "-0.5", "-1"), a_split(2 * HOUR_MS, "4", "1"),
    a_split(2 * HOUR_MS, "0", "0"), a_split(2 * HOUR_MS, "2", "-1"),
])  # fmt: skip
def test_what_does_not_follow_is_refused(path: Path, event: Event) -> None:
    written(path, a_fill(HOUR_MS))
    with pytest.raises(PaperbotError, match="PB7014"):
        written(path, event)
    assert verify(path).ok


def test_a_dividend_of_nothing_held_is_refused(path: Path) -> None:
    with pytest.raises(PaperbotError, match="PB7014"):
        written(path, cash(HOUR_MS, "1", "1"))


def test_a_journal_of_the_first_schema_is_brought_up_to_date(path: Path) -> None:
    written(path, a_fill(HOUR_MS))
    conn = sqlite3.connect(path)
    conn.execute("DROP TABLE corporate")
    conn.execute("ALTER TABLE positions DROP COLUMN income")
    conn.execute("PRAGMA user_version = 1")
    conn.commit()
    conn.close()
    with pytest.raises(PaperbotError, match="PB7004"):
        JournalReader(path)
    written(path, cash(2 * HOUR_MS, "0.5", "1"))
    assert verify(path).ok
    assert not rebuild(path, dry_run=True).differences
    assert len(MIGRATIONS) == 2
    assert len(statements(MIGRATIONS[1])) == 2
