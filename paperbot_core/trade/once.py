"""One cycle and its answer: `paperbot run --once`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from paperbot_core.domain.events import RunStopped
from paperbot_core.domain.words import Rule, TradingState
from paperbot_core.market.universe.adaptive import choice_bars
from paperbot_core.trade import notices
from paperbot_core.trade.account import Account
from paperbot_core.trade.feed import BarFeed, Batch, group
from paperbot_core.trade.layout import bars_needed
from paperbot_core.trade.outcome import Outcome
from paperbot_core.trade.session import Session, SessionResult

#: How long one cycle waits for a bar on a live market, in seconds.
_WAIT_S = 2.0
DONE = "one cycle done"


async def run_once(session: Session) -> tuple[dict[str, Any], SessionResult]:
    """Open the account, decide on the latest closed bar, commit; return its answer and its end.

    A fresh account warms up on the history of the exchange and decides on its last bar; one that
    has traded before takes the next bar of the market. Keys of the answer: `run --once`.
    """
    with session.open() as journal:
        first = journal.head.seq + 1
        account, feed = await session.start(journal, spare=1)
        outcomes: list[Outcome] = []
        batches = group(session.spared)
        if batches:
            outcomes = session.step(account, feed, batches[-1])
        else:
            plan = account.plan
            need = max(
                bars_needed(plan.strategies, feed.feed_ms),
                choice_bars(plan.strategies, plan.symbols, feed.feed_ms),
            )
            # A dry run of a market without a past reads on until its strategies are warm.
            pulls = 1 if account.moves or account.now is not None or feed.live else need
            async for batch in _some(feed, session.since, pulls):
                outcomes = session.step(account, feed, batch)
        answer = describe(account, outcomes[-1] if outcomes else None)
        answer["run_id"] = session.setup.run_id
        mark = account.mark()
        account.finish(
            RunStopped(account.now or 0, DONE), notices.stopped(session.setup.mode, DONE, mark)
        )
        return answer, session.result(account, feed, first, DONE, mark)


async def _some(feed: BarFeed, since: int | None, count: int) -> AsyncIterator[Batch]:
    """Yield up to `count` batches; on a live market at most what comes within a moment."""
    left = count
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _WAIT_S
    async for batch in feed.batches(since):
        if batch is not None:
            yield batch
            left -= 1
            if left == 0:
                return
        elif feed.live and loop.time() >= deadline:
            return


def describe(account: Account, outcome: Outcome | None) -> dict[str, Any]:
    """Return one cycle as the JSON of `run --once`."""
    decisions = [] if outcome is None else outcome.decisions
    exits = [] if outcome is None else outcome.exits
    raised = 0 if outcome is None else len(outcome.raised)
    slots = account.layout.desk.slots
    mark = account.mark()
    approved = [d for d in decisions if d.rule is Rule.NONE]
    place = account.plan.project.policy_place
    proposals = [
        {
            "symbol": slots[d.slot].symbol, "strategy": slots[d.slot].strategy,
            "side": d.side.name.lower(), "size_pct": d.size_pct, "confidence": d.strength,
            "reason": d.reason, "kind": d.kind.value,
        }
        for d in decisions
    ] + [
        {
            "symbol": slots[e.slot].symbol, "strategy": slots[e.slot].strategy,
            "side": e.side.name.lower(), "size_pct": None, "confidence": 1.0, "reason": e.text,
            "kind": "exit",
        }
        for e in exits
    ]  # fmt: skip
    verdicts = []
    for d in decisions:
        rule = d.shrunk_by if d.rule is Rule.NONE else d.rule
        fact = next((f for f in d.facts if f.rule is rule), None)
        verdicts.append({
            "symbol": slots[d.slot].symbol, "strategy": slots[d.slot].strategy,
            "approved": d.rule is Rule.NONE, "rule": None if rule is Rule.NONE else rule.name,
            "limit": fact.limit if fact else None, "observed": fact.observed if fact else None,
            "asked": d.wished, "allowed": d.granted, "policy_line": place(rule) or None,
        })  # fmt: skip
    granted = len(approved) + len(exits)
    return {
        "status": "halted" if mark.state is TradingState.HALTED else "ok",
        "mode": account.plan.mode,
        "as_of": account.now,
        "universe_size": len(account.layout.traded),
        "triggers_detected": raised + len(exits),
        "proposals_generated": len(proposals),
        "proposals_approved": granted,
        "proposals": proposals,
        "verdicts": verdicts,
        "no_trade_reason": None if granted else _why_not(account, outcome),
    }


def _why_not(account: Account, outcome: Outcome | None) -> str:
    """Return in one word or two why nothing was approved."""
    if outcome is None:
        return "no_new_bar"
    refused = sorted({d.rule.name for d in outcome.decisions})
    if refused:
        return "all_refused: " + ", ".join(refused)
    if not _any_warm(account):
        return "warming_up"
    if outcome.raised:
        return "entry_blocked: cooldown, pending order or exit condition"
    return "no_signal"


def _any_warm(account: Account) -> bool:
    """Return whether at least one slot has seen as many bars as its strategy needs."""
    warm = {c.file.name: c.warmup for c in account.plan.strategies}
    keys = zip(account.layout.desk.slots, account.layout.desk.specs, strict=True)
    return any(
        account.bank.rows[key.symbol, spec["tf_ms"]] > warm.get(key.strategy, 0)
        for key, spec in keys
    )

