"""What one strategy did with one bar of one symbol, and why: facts for people and programs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from paperbot_core.api.facts import Signal
from paperbot_core.config.policy import PolicyFile
from paperbot_core.config.universe import UniverseFile
from paperbot_core.domain.market import Candles, Instrument, timeframe_text
from paperbot_core.domain.words import ExitReason, Rule, TradingState
from paperbot_core.kernel import words as w
from paperbot_core.lang.columns import Columns
from paperbot_core.lang.regimes import regime_name
from paperbot_core.lang.strategy import CompiledStrategy
from paperbot_core.market.universe.selection import Refusal
from paperbot_core.market.universe.standing import Conditions, barred_text
from paperbot_core.plugins_signals import SignalSource
from paperbot_core.research.why_conditions import (
    condition_rows,
    level_rows,
    plugin_inputs,
    trees_at,
)
from paperbot_core.research.why_rerun import Judged, Moment, Rerun, Row
from paperbot_core.research.why_rules import rule_rows
from paperbot_core.research.why_universe import universe_row
from paperbot_core.research.why_verdict import Decision, decide_outcome

_KINDS = {w.LEG_ENTRY: "entry", w.LEG_ADD: "add", w.LEG_EXIT: "exit", w.LEG_RELEASED: "released"}
_SIDES = {1: "long", -1: "short"}
_ACTIONS = {1: "buy", -1: "sell"}


@dataclass(frozen=True, slots=True)
class SlotView:
    """One slot of a run that is being explained.

    `number` is the slot's in the kernel; `candles` are its own bars as they were paid, `columns`
    its values, and `factor` what prices were multiplied by for them at a row (1 without splits);
    `places` says where in policy.yaml the limit of a rule stands; `choice` gives the choice of an
    adaptive strategy at a decision time, see `mode_row`.
    """

    number: int
    compiled: CompiledStrategy
    candles: Candles
    columns: Columns
    spec: Mapping[str, Any]
    instrument: Instrument
    policy: PolicyFile
    places: Mapping[Rule, str]
    source: SignalSource
    has_checks: bool
    universe: UniverseFile
    conditions: Conditions
    choice: Callable[[int], Row] | None = None
    factor: Callable[[int], float] = lambda _row: 1.0

    def reason(self, rule: str, row: int) -> str:
        """Return the text of a rule such as `entry.long.0` at a row; empty if it has none."""
        if self.compiled.file.uses is None and rule not in self.compiled.reasons:
            return ""
        return self.source.reason(self.compiled, self.columns, rule, row, self.factor(row))


    def said(self, rule: str, row: int) -> Signal | None:
        """Return what the plugin of the strategy said as a rule at a row, None if nothing."""
        if self.compiled.file.uses is None:
            return None
        return self.source.said(self.compiled, self.columns, rule, row)


@dataclass(frozen=True, slots=True)
class Seen:
    """A slot's bar with the watched moments of its steps, oldest first; the last one decides."""

    row: int
    moments: tuple[Moment, ...]
    run: Rerun

    @property
    def last(self) -> Moment:
        """The moment of the decision."""
        return self.moments[-1]


def bar_at(candles: Candles, time_ms: int) -> int:
    """Return the row of the bar that contains a time, -1 if there is none."""
    row = int(candles.ts.searchsorted(time_ms, side="right")) - 1
    return row if row >= 0 and time_ms < int(candles.ts[row]) + candles.tf_ms else -1


def slot_head(view: SlotView, row: int) -> Row:
    """Return what is known of a slot whether or not it had a bar to decide on."""
    c = view.candles
    bar = None
    if row >= 0:
        b = c.bar(row)
        bar = {
            "ts": b.ts, "close_ts": b.close_ts, "open": b.open, "high": b.high, "low": b.low,
            "close": b.close, "volume": b.volume if math.isfinite(b.volume) else None,
            "regime": regime_name(b.regime),
        }  # fmt: skip
    return {
        "strategy": view.compiled.file.name,
        "symbol": c.symbol,
        "timeframe": timeframe_text(c.tf_ms),
        "bar": bar,
    }


def explain_slot(view: SlotView, seen: Seen) -> Row:
    """Return everything about a slot on a bar that the run decided on."""
    s, last = view.number, seen.last
    box, after = last.boxes[s], last.after[s]
    factor = view.factor(seen.row)
    trees = trees_at(view.compiled, view.columns, seen.row, factor)
    market = last.markets[view.spec["market"]]
    verdict = next((j for j in seen.run.judged if j.slot == s and j.now == last.now), None)
    outcome, because = decide_outcome(
        Decision(
            compiled=view.compiled, spec=view.spec, before=last.before[s], after=after, box=box,
            last_price=market["last"], now=last.now, trees=trees, judged=verdict,
            bars_seen=seen.row + 1,
            bars_needed=view.columns.ready_row(view.compiled.deciding) + 1,
        )
    )  # fmt: skip
    universe = universe_row(
        view.universe, view.conditions, view.instrument.symbol, last.now,
        view.candles.bar(seen.row).regime,
    )
    mode = None if view.choice is None else view.choice(last.now)
    if verdict is not None and outcome == "refused":
        because = [refusal_text(view, verdict, universe, mode), *because]
    return {
        **slot_head(view, seen.row),
        "outcome": outcome,
        "because": because,
        "account": account_row(last),
        "universe": universe,
        "mode": mode,
        "conditions": condition_rows(
            view.compiled, trees, box["bits"],
            lambda rule: view.reason(rule, seen.row), lambda rule: view.said(rule, seen.row),
        ),
        "levels": level_rows(trees) + plugin_inputs(view.compiled, view.columns, seen.row, factor),
        "during": during(seen.run, s, seen.moments[0].now, last.now),
        "position": {
            "before": position_row(view, seen.moments[0].before[s], None),
            "after": position_row(view, after, market["last"]),
        },
        "proposal": None if verdict is None else proposal_row(view, seen, verdict),
        "verdict": None if verdict is None else verdict_row(view, verdict),
        "order": order_row(view, seen, verdict, outcome),
    }


def during(run: Rerun, slot: int, first: int, last: int) -> list[Row]:
    """Return the fills and releases of a slot at the steps in [`first`, `last`]."""
    return [
        leg_row(tape.now, tape.leg)
        for tape in run.legs
        if tape.leg["slot"] == slot and first <= tape.now <= last
    ]


def account_row(moment: Moment) -> Row:
    """Return the account at the decision, in quote currency and percent."""
    a = moment.account
    state = TradingState.ACTIVE
    if a["halt"]:
        state = TradingState.HALTED
    elif moment.now < a["reduce_until"]:
        state = TradingState.REDUCING
    return {
        "state": state.name.lower(),
        "equity": a["equity"],
        "cash": a["cash"],
        "gross": a["gross"],
        "drawdown_pct": _percent(a["peak"] - a["equity"], a["peak"]),
        "day_loss_pct": _percent(a["anchor"] - a["equity"], a["anchor"]),
    }


def position_row(view: SlotView, slot: Mapping[str, Any], price: float | None) -> Row | None:
    """Return an open position with its stop and, at `price`, its gain; None where it is flat."""
    if slot["qty"] == 0.0:
        return None
    side = 1 if slot["qty"] > 0.0 else -1
    has_r = view.spec["has_stop"] and slot["r"] > 0.0
    gain = None if price is None or not has_r else (price - slot["first_price"]) * side / slot["r"]
    return {
        "side": _SIDES[side],
        "quantity": abs(slot["qty"]),
        "entry_price": slot["entered_value"] / slot["entered_qty"],
        "entry_ts": slot["entry_ts"],
        "stop": _finite(slot["stop"]),
        "stop_kind": _reason(slot["stop_reason"]) if math.isfinite(slot["stop"]) else None,
        "r": slot["r"] if has_r else None,
        "gain_r": gain,
        "rungs_filled": slot["rung"],
        "adds_asked": slot["added"],
        "exit_due": _reason(slot["exit_due"]) if slot["exit_due"] else None,
    }


def leg_row(now: int, leg: Mapping[str, Any]) -> Row:
    """Return a fill, or the end of an order without one (`kind` released, `reason` a rule)."""
    kind = _KINDS[leg["kind"]]
    released = kind == "released"
    reason = Rule(leg["reason"]).name if released else _reason(leg["reason"])
    return {
        "kind": kind,
        "reason": reason if released or kind == "exit" else kind,
        "action": _ACTIONS[leg["side"]],
        "quantity": leg["qty"],
        "price": leg["price"],
        "reference_price": _finite(leg["reference"]),
        "fee": leg["fee"],
        "liquidity": None if released else ("maker" if leg["maker"] else "taker"),
        "bar_ts": leg["ts"],
        "step": now,
    }


def proposal_row(view: SlotView, seen: Seen, judged: Judged) -> Row:
    """Return what the slot wished for, before the policy; quantities in base units."""
    order, close = judged.order, float(view.candles.close[seen.row])
    side = _SIDES[order["order_side"]]
    limit = order["order_bars"] > 0
    if order["order_add"]:
        level = order["added"] - 1
        name = f"pyramid.{level}"
        reason = f"the close is {view.spec['add_r'][level]:g} R or more from the entry"
    else:
        name = f"entry.{side}.{order['order_rule']}"
        reason = view.reason(name, seen.row)
    return {
        "kind": "add" if order["order_add"] else ("limit" if limit else "entry"),
        "side": side,
        "rule": name,
        "reason": reason,
        "quantity": _finite(judged.wished),
        "notional": _finite(judged.wished * close),
        "size_pct": _percent(judged.wished * close, judged.account["equity"]),
        "price": _finite(order["order_price"]),
        "price_kind": "limit" if limit else "collar",
        "stop_distance": _finite(order["order_stop"]) if view.spec["has_stop"] else None,
        "strength": _finite(order["strength"]),
    }


def verdict_row(view: SlotView, judged: Judged) -> Row:
    """Return the policy's answer with every rule that was asked."""
    approved = judged.rule == w.NONE
    allowed = judged.order["order_qty"] if approved else 0.0
    rules = [
        row
        for row in rule_rows(
            judged.facts, judged.account["equity"], view.policy, view.instrument, view.places
        )
        if view.has_checks or row["rule"] != Rule.RISK_CHECK.name
    ]
    shrank = [row["rule"] for row in rules if row["answer"] == "shrunk"]
    return {
        "approved": approved,
        "rule": Rule(judged.rule).name if not approved else None,
        "shrunk_by": shrank,
        "asked": _finite(judged.wished),
        "allowed": allowed,
        "check": judged.check or None,
        "allowed_pct": _percent(allowed * judged.order["order_cap"], judged.account["equity"]),
        "rules": rules,
    }


def refusal_text(view: SlotView, judged: Judged, universe: Row, mode: Row | None) -> str:
    """Return which rule refused an entry, with limit, observed value and place."""
    rows = verdict_row(view, judged)["rules"]
    row = next(r for r in reversed(rows) if r["rule"] == Rule(judged.rule).name)
    text = f"refused by {row['rule']}"
    kept = universe["refused"]
    barred = barred_text(
        Rule(judged.rule), universe["tier"], view.compiled.file.universe,
        None if kept is None else Refusal(**kept), universe["regime"],
        "" if mode is None else mode["text"],
    )  # fmt: skip
    if judged.check or barred:
        return f"{text}: {judged.check or barred}"
    if row["limit"] is not None:
        unit = {"%": " %", "min": " min"}.get(row["unit"], "")
        seen = "none" if row["observed"] is None else f"{row['observed']:.6g}{unit}"
        text += f": observed {seen}, limit {row['limit']:.6g}{unit}"
    text += f" ({row['policy']})" if row["policy"] else ""
    shrank = [r["rule"] for r in rows if r["answer"] == "shrunk"]
    return text + (f", after {' and '.join(shrank)} shrank it" if shrank else "")


def order_row(view: SlotView, seen: Seen, judged: Judged | None, outcome: str) -> Row | None:
    """Return the order decided at this close and what became of it, None if none was."""
    now, s = seen.last.now, view.number
    later = [t for t in seen.run.legs if t.leg["slot"] == s and t.now > now]
    if judged is not None and judged.rule == w.NONE:
        order = judged.order
        mine = [t for t in later if t.leg["order_ts"] == now and t.leg["kind"] != w.LEG_EXIT]
        return {
            "kind": "add" if order["order_add"] else ("limit" if order["order_bars"] else "entry"),
            "action": _ACTIONS[order["order_side"]],
            "quantity": order["order_qty"],
            "price": order["order_price"],
            "reserved": order["order_cash"],
            "results": [leg_row(t.now, t.leg) for t in mine],
        }
    if outcome != "exit":
        return None
    after = seen.last.after[s]
    mine = []
    for tape in later:
        if tape.leg["kind"] != w.LEG_EXIT:
            break
        mine.append(tape)
        if abs(after["qty"]) - sum(t.leg["qty"] for t in mine) <= abs(after["qty"]) * 1e-9:
            break
    return {
        "kind": "exit",
        "action": _ACTIONS[-1 if after["qty"] > 0.0 else 1],
        "quantity": abs(after["qty"]),
        "price": None,
        "reserved": 0.0,
        "results": [leg_row(t.now, t.leg) for t in mine],
    }


def _reason(number: int) -> str:
    return ExitReason(number).name.lower()


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _percent(part: float, whole: float) -> float | None:
    return _finite(part / whole * 100.0) if whole > 0.0 else None
