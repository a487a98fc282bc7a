"""The shapes of components. A plugin satisfies them by having these members; nothing to inherit.

Any method may raise `RetryableError` for a failure of the world that may pass. Whatever else is
raised is contained by the core and reported under the name of the plugin's distribution.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from decimal import Decimal

    import numpy as np
    from numpy.typing import NDArray

    from paperbot_core.api.facts import (
        AccountView,
        EntryFact,
        EventFact,
        Notice,
        PolicyView,
        Signal,
        Ticker,
        TriggerFact,
        Verdict,
    )
    from paperbot_core.api.orders import Book, Capabilities, FillReport, OrderReport, OrderRequest
    from paperbot_core.api.view import MarketView
    from paperbot_core.domain.corporate import CorporateEvents
    from paperbot_core.domain.market import Bar, Candles, Instrument


@runtime_checkable
class Exchange(Protocol):
    """A source of bars that trades somewhere; PAPER and DRY_RUN need nothing more than this."""

    @property
    def capabilities(self) -> Capabilities:
        """What it declares it can do."""
        ...

    async def instruments(self) -> Sequence[Instrument]:
        """Return all instruments, with their grid and fees."""
        ...

    async def bars(self, symbol: str, timeframe: str, since: int) -> Sequence[Bar]:
        """Return a page of closed bars with `ts >= since`, ascending; empty when there are none."""
        ...

    def stream_bars(
        self, symbols: Sequence[str], timeframe: str, since: int | None = None
    ) -> AsyncIterator[Bar]:
        """Yield closed bars as they close, ascending by (close time, symbol), each once.

        Starts with the first bar with `ts >= since`; None means from now on, which for stored or
        synthetic markets is their beginning. Ends when the market ends.
        """
        ...

    async def book(self, symbol: str) -> Book:
        """Return the best levels of the order book."""
        ...


@runtime_checkable
class Execution(Protocol):
    """An exchange that also takes orders. All methods may be called again after a lost answer."""

    async def submit(self, order: OrderRequest) -> OrderReport:
        """Send an order; with capability `dedup`, a known client id returns the first order."""
        ...

    async def cancel(self, client_id: str) -> OrderReport:
        """Cancel an order; cancelling one that is done returns it as it is."""
        ...

    async def order(self, client_id: str) -> OrderReport | None:
        """Return one order, or None if the exchange never heard of it."""
        ...

    async def open_orders(self) -> Sequence[OrderReport]:
        """Return all open orders of the account."""
        ...

    async def fills(self, since: int) -> Sequence[FillReport]:
        """Return the executions with `ts >= since`, ascending."""
        ...

    async def balances(self) -> Mapping[str, Decimal]:
        """Return the total balance by asset."""
        ...


class ArgKind(StrEnum):
    """What an argument of a feature may be in an expression."""

    SERIES = "series"
    WINDOW = "window"
    LAG = "lag"
    NUMBER = "number"


@dataclass(frozen=True, slots=True)
class FeatureArg:
    """One argument of a feature, in call order.

    Attributes:
        name: as users read it.
        kind: SERIES is an expression such as `close`; WINDOW and LAG are integers from 1 to
            100,000; NUMBER is any number.
        default: for SERIES, the series used when the argument is left out, e.g. `close`; None means
            required. Constants are always required, and required arguments come first.
        trial: the value (not for SERIES) with which the core tries the feature.
    """

    name: str
    kind: ArgKind
    default: str | None = None
    trial: float = 5.0


@runtime_checkable
class Feature(Protocol):
    """A number per bar, called in expressions as `plugin.name(args)`.

    Provide either `init` and `update` (see `RecurrenceFeature`) or `batch`, `window` and `exact`
    (see `BatchFeature`). `params` are the WINDOW, LAG and NUMBER arguments in call order.
    """

    @property
    def args(self) -> tuple[FeatureArg, ...]:
        """The arguments in call order."""
        ...

    @property
    def inputs(self) -> tuple[str, ...]:
        """Series read besides the arguments: open, high, low, close, volume, hl2, hlc3 or ts."""
        ...

    @property
    def unit(self) -> tuple[int, int] | None:
        """Exponents of (price, volume) of the result: (1, 0) is a price, (0, 0) a plain number.

        None takes the unit of the first SERIES argument.
        """
        ...

    def warmup(self, params: Sequence[float]) -> int:
        """Return how many bars pass before the first value, given inputs without NaN."""
        ...


@runtime_checkable
class RecurrenceFeature(Feature, Protocol):
    """A feature computed bar by bar from what it remembers: fast live, exact everywhere."""

    def init(self, params: Sequence[float]) -> Any:
        """Return a fresh state: a list or dict of plain numbers, lists and dicts (JSON)."""
        ...

    def update(self, state: Any, bar: Sequence[float]) -> float:
        """Take a bar (SERIES arguments, then `inputs`), change `state`, return a value or NaN."""
        ...


@runtime_checkable
class BatchFeature(Feature, Protocol):
    """A feature computed from arrays; the core runs it on a window of bars that ends now."""

    @property
    def exact(self) -> bool:
        """Promise that more history changes no bit of any value, so that one call may do it all.

        The core tests the promise. Without it every bar is computed from its own window.
        """
        ...

    def window(self, params: Sequence[float]) -> int:
        """Return how many bars a value is computed from, more than `warmup`."""
        ...

    def batch(
        self, columns: Sequence[NDArray[np.float64]], params: Sequence[float]
    ) -> NDArray[np.float64]:
        """Return one value a bar from columns (SERIES arguments, then `inputs`) of equal length."""
        ...


@runtime_checkable
class Trigger(Protocol):
    """A condition worth acting on."""

    def fires(self, view: MarketView) -> TriggerFact | None:
        """Return the fact, or None if the trigger does not fire on the latest closed bar."""
        ...


@runtime_checkable
class Strategy(Protocol):
    """Wishes from a view; size, stops, policy and orders belong to the core."""

    def signals(self, view: MarketView) -> Sequence[Signal]:
        """Return the signals of the latest closed bar; a pure function of `view`."""
        ...


@runtime_checkable
class RiskCheck(Protocol):
    """A veto over entries. Exits are never shown to it."""

    def check(self, entry: EntryFact, account: AccountView, policy: PolicyView) -> Verdict:
        """Approve, shrink or refuse; raising or answering anything else refuses the entry."""
        ...


@runtime_checkable
class Notifier(Protocol):
    """Carries notices to people."""

    async def notify(self, notice: Notice) -> None:
        """Deliver one notice, or raise: `RetryableError` to be tried again later."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class HistoryPage:
    """A stretch of history.

    Attributes:
        candles: closed bars, oldest first; there may be none in a stretch.
        following: `since` of the next page, later than that of this one; None when nothing is left.
        notes: what is missing here and why, for the user, such as `no file for 2018-09-01`.
    """

    candles: Candles
    following: int | None
    notes: tuple[str, ...] = ()


@runtime_checkable
class DataSource(Protocol):
    """History by pages. The caller waits and tries again after a `RetryableError`."""

    async def symbols(self) -> Sequence[str]:
        """Return the symbols it has; empty if it cannot say."""
        ...

    async def page(self, symbol: str, timeframe: str, since: int, limit: int) -> HistoryPage:
        """Return closed bars with `ts >= since`, about `limit` of them, and where to go on.

        A `since` before the first bar means the first bar. The same page can be asked for again.
        """
        ...


@runtime_checkable
class EventSource(Protocol):
    """A DataSource or Exchange that also knows what companies do to their shares: optional."""

    async def events(self, symbol: str) -> CorporateEvents:
        """Return all splits and dividends there ever were, such that they fit the bars it tells.

        To prices that it tells adjusted for splits belong no splits, and dividends in shares of
        today; to raw prices belong all, as they were. A session asks at its start, and on a market
        in real time again once a day.
        """
        ...


@runtime_checkable
class TickerSource(Protocol):
    """An Exchange or DataSource that also knows the tickers of all its markets: optional.

    The universe is chosen by them (`paperbot universe refresh`). One attempt a call.
    """

    async def tickers(self) -> Sequence[Ticker]:
        """Return one ticker for each market that it has."""
        ...

    async def book(self, symbol: str) -> Book:
        """Return the best levels of the order book, as far down as 1 % if it can."""
        ...


@runtime_checkable
class Observer(Protocol):
    """Sees what happened, after it was committed; can change nothing."""

    def on_event(self, event: EventFact) -> None:
        """Take note of one event; raising is reported and changes nothing else."""
        ...
