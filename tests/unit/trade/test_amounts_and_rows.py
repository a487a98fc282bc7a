"""Floats become amounts without loss, and fills become trades in the kernel's arithmetic."""

from __future__ import annotations

import math
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from paperbot_core.domain.event_text import decimal_text
from paperbot_core.trade.amounts import amount
from paperbot_core.trade.checkpoint import Books, State, dump, parse
from paperbot_core.trade.rows import trade_rows
from tests.unit.ledger.histories import a_fill


@given(st.floats(min_value=-1e37, max_value=1e37, allow_subnormal=False))
def test_an_amount_is_exactly_the_float(value: float) -> None:
    made = amount(value)
    decimal_text(made)
    if abs(value) >= 1e-60:
        assert float(made) == value
    else:
        assert made == 0


@given(st.integers(0, 10**12), st.sampled_from([1, 10, 100, 100_000]))
def test_a_grid_value_is_its_decimal_text(steps: int, per_unit: int) -> None:
    assert amount(steps * 1.0 / per_unit) == Decimal(steps) / per_unit


def test_what_is_no_amount_is_written_as_zero() -> None:
    assert [amount(x) for x in (math.nan, math.inf, -math.inf, 1e300, 1e-300)] == [0] * 5


@given(st.dictionaries(st.sampled_from(["cash", "peak", "x"]), st.floats()))
def test_a_state_comes_back_to_the_last_bit(row: dict[str, float]) -> None:
    state = State(
        12, 1e4, "sandbox seed=7", 3_600_000, account=row, rows={("BTC/USDT:USDT", 60_000): 3},
        books=Books(entries={"s|A": ["id", 1.5, 0.1]}, day_start=math.nan),
    )
    assert repr(parse(dump(state))) == repr(state)


def test_a_trade_is_summed_from_its_fills() -> None:
    fills = [
        a_fill(1, quantity="1", price="100", fee="0.1", fill_id="a"),
        a_fill(2, quantity="3", price="104", fee="0.3", fill_id="b"),
        a_fill(3, opens=False, quantity="1", price="110", fee="0.1", fill_id="c"),
        a_fill(4, opens=False, quantity="3", price="100", fee="0.3", fill_id="d", flat=True),
    ]
    (row,) = trade_rows(fills)
    assert (row["quantity"], row["entry_price"], row["exit_price"]) == (4.0, 103.0, 102.5)
    assert row["pnl"] == 410.0 - 412.0 - row["fees"]
    assert math.isclose(row["fees"], 0.8)
