"""Risk checks of plugins inside the step: they may veto or shrink entries, and nothing else.

All that are configured look at every entry the policy would grant; the smallest quantity wins, so
their order cannot matter. Exits never come here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from paperbot_core.api.facts import AccountView, EntryFact, PolicyView, PositionFact
from paperbot_core.domain.words import Side, TradingState
from paperbot_core.kernel.plain import PlainKernel

if TYPE_CHECKING:
    from paperbot_core.config.policy import PolicyFile
    from paperbot_core.plugins_guard import SafeRiskCheck

#: (slot number, rule such as `entry.long.0`, row of the slot's own bars) -> the signal's text.
ReasonOf = Callable[[int, str, int], str]


def policy_view(policy: PolicyFile) -> PolicyView:
    """Return the limits of a policy as a risk check sees them."""
    risk = policy.risk
    return PolicyView(
        highest_mode=policy.modes.highest,
        max_slippage_pct=policy.entry.max_slippage_pct,
        daily_stop_loss_pct=risk.daily_stop_loss_pct,
        max_drawdown_pct=risk.max_drawdown_pct,
        max_position_size_pct=risk.max_position_size_pct,
        max_gross_pct=risk.max_gross_pct,
        max_net_pct=risk.max_net_pct,
        max_cluster_pct=risk.max_cluster_pct,
        max_tier_pct=dict(risk.max_tier_pct),
        position_cap_equity_multiple=risk.position_cap.equity_multiple,
        position_cap_min=float(risk.position_cap.min),
        position_cap_max=float(risk.position_cap.max),
        max_open_positions=risk.max_open_positions,
        max_trades_per_day=risk.max_trades_per_day,
        max_trades_per_hour=risk.max_trades_per_hour,
        cooldown_after_loss_min=risk.cooldown_after_loss_min,
    )


def _account(kernel: PlainKernel, now: int, side: Side) -> AccountView:
    """Return the account while the policy judges an entry of direction `side`."""
    a = kernel.account
    return AccountView(
        ts=now,
        equity=a.equity,
        cash=a.cash,
        peak_equity=a.peak,
        day_anchor=a.anchor,
        gross=a.held_gross,
        net=a.net_if_long if side is Side.LONG else a.net_if_short,
        trades_today=a.trades_day,
        trades_this_hour=a.trades_hour,
        # The policy comes first: nobody is asked while it allows exits only.
        state=TradingState.ACTIVE,
        positions=tuple(_positions(kernel)),
    )


def _positions(kernel: PlainKernel) -> list[PositionFact]:
    return [
        PositionFact(
            symbol=key.symbol,
            strategy=key.strategy,
            side=Side.LONG if slot.qty > 0.0 else Side.SHORT,
            quantity=abs(slot.qty),
            entry_price=slot.entered_value / slot.entered_qty,
            close=kernel.markets[spec.market].last,
            opened_ts=slot.entry_ts,
        )
        for key, spec, slot in zip(kernel.desk.slots, kernel.specs, kernel.slots, strict=True)
        if slot.qty != 0.0
    ]


class RiskReview:
    """The review of one kernel (see `kernel.authorise.Review`): asks the checks, remembers why.

    `reasons` holds, by slot number, why its last entry was refused or made smaller, as
    `name: reason`; nothing for a slot whose last entry passed as it was.
    """

    def __init__(
        self,
        kernel: PlainKernel,
        checks: Sequence[SafeRiskCheck],
        policy: PolicyFile,
        reason_of: ReasonOf,
    ) -> None:
        """Judge entries of `kernel` by `checks`; `reason_of` gives the text of a signal."""
        self._kernel = kernel
        self._checks = tuple(checks)
        self._policy = policy_view(policy)
        self._reason_of = reason_of
        self.reasons: dict[int, str] = {}
        self._refused = dict.fromkeys((check.name for check in checks), 0)
        self._shrunk = dict(self._refused)
        self._first: dict[str, str] = {}

    def __call__(self, s: int, qty: float, price: float) -> float:
        """Return how much of `qty`, at most, every check allows for the entry of slot `s`."""
        self.reasons.pop(s, None)
        if not self._checks:
            return qty
        entry = self._entry(s, qty, price)
        account = _account(self._kernel, entry.ts, entry.side)
        allowed = qty
        for check in self._checks:
            verdict = check.check(entry, account, self._policy)
            answer = verdict.allowed
            # A guarded check always answers with a number; no answer at all would be a refusal.
            given = answer if answer is not None else 0.0
            if given >= qty:
                continue
            (self._shrunk if given > 0.0 else self._refused)[check.name] += 1
            self._first.setdefault(check.name, verdict.reason)
            if given < allowed:
                allowed, self.reasons[s] = given, verdict.reason
        return allowed

    @property
    def counts(self) -> Mapping[str, Mapping[str, int]]:
        """Return, by name of the check, how many entries it refused and how many it shrank."""
        return {
            name: {"refused": self._refused[name], "shrunk": self._shrunk[name]}
            for name in self._refused
        }

    def summary(self) -> list[str]:
        """Return a sentence for each check that refused or shrank anything: counts, reason."""
        return [
            f"risk check `{name}` refused {self._refused[name]} and shrank {self._shrunk[name]}"
            f" entries, first: {first}"
            for name, first in sorted(self._first.items())
        ]

    def _entry(self, s: int, qty: float, price: float) -> EntryFact:
        kernel = self._kernel
        slot, spec, key = kernel.slots[s], kernel.specs[s], kernel.desk.slots[s]
        side = Side.LONG if slot.order_side > 0 else Side.SHORT
        if slot.order_add:
            reason = f"pyramid level {slot.added}"
        else:
            rule = f"entry.{side.name.lower()}.{slot.order_rule}"
            reason = self._reason_of(s, rule, slot.order_row)
        return EntryFact(
            ts=slot.order_ts,
            symbol=key.symbol,
            strategy=key.strategy,
            side=side,
            kind="add" if slot.order_add else "entry",
            quantity=qty,
            price=price,
            close=kernel.markets[spec.market].last,
            strength=slot.strength,
            reason=reason,
            stop_distance=slot.order_stop if spec.has_stop else None,
            equity=kernel.account.equity,
        )
