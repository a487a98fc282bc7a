"""The options that `backtest` and `sweep` share: strategies, data, time range, costs, files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import update_wrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from paperbot_core.research.request import BacktestRequest


_LARGEST = Decimal(10) ** 15


class DecimalType(click.ParamType[Decimal]):
    """A finite decimal number of at least `minimum`, kept exactly as typed."""

    name = "number"

    def __init__(self, minimum: str, *, above: bool = False) -> None:
        self.minimum = Decimal(minimum)
        self.above = above

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Decimal:
        """Return the number; a wrong one is a bad value (exit code 1)."""
        try:
            number = Decimal(str(value))
        except InvalidOperation:
            self.fail(f"{value!r} is not a number", param, ctx)
        if not number.is_finite():  # a NaN cannot even be compared
            self.fail(f"{value!r} is not a finite number", param, ctx)
        low = number <= self.minimum if self.above else number < self.minimum
        if low or number > _LARGEST:
            word = "above" if self.above else "at least"
            self.fail(f"{value!r} must be {word} {self.minimum} and at most 10^15", param, ctx)
        return number


@dataclass(frozen=True)
class HistoryOptions:
    """What the user typed, before any file is read."""

    strategies: tuple[str, ...]
    paths: tuple[Path, ...]
    timerange: str | None
    cash: Decimal | None
    fee_bps: Decimal | None
    slippage_bps: Decimal | None
    policy: Path | None
    universe: Path | None
    symbol: str | None
    timeframe: str | None

    def request(
        self, project_dir: Path, sets: tuple[str, ...] = (), detail: str | None = None
    ) -> BacktestRequest:
        """Return the request, with `--set` checked against the strategies' parameters.

        Raises:
            UserError: a strategy, parameter, time range or timeframe that does not exist.
        """
        from paperbot_core.config.adaptive import known_params
        from paperbot_core.config.project import load_project
        from paperbot_core.diagnostics import user_error
        from paperbot_core.domain.market import timeframe_ms
        from paperbot_core.market.timerange import TimeRange, parse_timerange
        from paperbot_core.research.request import BacktestRequest
        from paperbot_core.research.sets import parse_single

        chosen = tuple(dict.fromkeys(self.strategies))
        known: dict[str, list[str]] = {}
        if sets:
            project = load_project(project_dir, policy=self.policy, universe=self.universe)
            names = project.names_of(chosen)
            known = known_params({name: project.strategy(name).file for name in names})
        try:
            detail_ms = None if detail is None else timeframe_ms(detail)
        except ValueError as error:
            raise user_error("PB6507", f"--detail-timeframe: {error}") from None
        return BacktestRequest(
            strategies=chosen, paths=self.paths,
            span=TimeRange() if self.timerange is None else parse_timerange(self.timerange),
            cash=self.cash, fee_bps=self.fee_bps,
            slippage_bps=None if self.slippage_bps is None else float(self.slippage_bps),
            sets=parse_single(sets, known), symbol=self.symbol, timeframe=self.timeframe,
            detail=detail_ms,
        )


_PATH = click.Path(path_type=Path)
_OPTIONS = (
    click.option("-s", "--strategy", "strategies", multiple=True, required=True, metavar="NAME",
                 help="A strategy by its name; repeat for more, in order of service."),
    click.option("--data", "paths", multiple=True, required=True, type=_PATH, metavar="PATH",
                 help="A candle file or a folder of them; may be repeated."),
    # `--data A B C` reads naturally: what stands alone on the line is one more path.
    click.argument("more_paths", nargs=-1, type=_PATH, metavar="[PATH]..."),
    click.option("--timerange", metavar="FROM-TO",
                 help="[FROM, TO) in UTC, such as 20240101-20240601; earlier bars only warm up."),
    click.option("--cash", type=DecimalType("0", above=True), help="Starting cash in quote."),
    click.option("--fee-bps", type=DecimalType("0"), help="Maker and taker fee, basis points."),
    click.option("--slippage-bps", type=DecimalType("0"), help="Slippage, basis points."),
    click.option("--policy", type=_PATH, metavar="FILE", help="Another policy.yaml."),
    click.option("--universe", type=_PATH, metavar="FILE", help="Another universe.yaml."),
    click.option("--symbol", metavar="SYMBOL", help="What a file holds whose name does not tell."),
    click.option("--timeframe", metavar="TF", help="The bar length of such a file."),
)


def history_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the shared options; the command receives them as one `history: HistoryOptions`."""

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        kwargs["paths"] += kwargs.pop("more_paths")
        fields = {name: kwargs.pop(name) for name in HistoryOptions.__dataclass_fields__}
        return command(*args, history=HistoryOptions(**fields), **kwargs)

    update_wrapper(wrapper, command)
    for option in reversed(_OPTIONS):
        option(wrapper)
    return wrapper
