"""`paperbot.yaml`: how to run. Limits are not here, they are the policy's."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from paperbot_core.config.base import (
    Amount,
    Bool,
    Count,
    Float,
    Int,
    Name,
    Percent,
    Problem,
    Problems,
    StrategyName,
    StrictModel,
    Symbol,
    TimeframeText,
)
from paperbot_core.domain.market import timeframe_ms
from paperbot_core.domain.words import Mode


class ExchangeChoice(StrictModel):
    """Which exchange plugin to use; every other key is an option of that plugin."""

    model_config = ConfigDict(extra="allow")

    plugin: str = Field(min_length=1, max_length=100, description="name of an exchange plugin")

    @property
    def options(self) -> dict[str, Any]:
        """The keys beside `plugin`, as text; the plugin's own model types and judges them."""
        return dict(self.model_extra or {})


def _default_exchange() -> ExchangeChoice:
    return ExchangeChoice.model_validate({"plugin": "sandbox", "seed": "7"})


class Wallet(StrictModel):
    """What a PAPER account or a backtest starts with."""

    quote: str = Field(default="USDT", pattern=r"^[A-Z0-9]{1,16}$", description="currency")
    cash: Amount = Field(default=Decimal(10_000), gt=0, description="starting cash, in quote")


class Simulation(StrictModel):
    """How simulated fills differ from the price on the screen."""

    slippage_bps: Annotated[Float, Field(ge=0, le=10_000)] = Field(
        default=5.0, description="market orders and stops fill this much worse, basis points"
    )
    volume_share_pct: Annotated[Percent, Field(le=100)] | None = Field(
        default=None, description="largest share of a bar's volume a fill may take; null is off"
    )


class Metrics(StrictModel):
    """Where numbers about the running program are served."""

    port: Annotated[Int, Field(ge=1, le=65_535)] | None = Field(
        default=None, description="TCP port for Prometheus; null is off"
    )


class SlackAlerts(StrictModel):
    """Slack notices; the webhook is a secret and comes from SLACK_WEBHOOK_URL."""

    enabled: Bool = Field(default=False, description="whether notices go to Slack")
    cooldown_sec: Count = Field(
        default=600, description="seconds in which the same notice is sent once"
    )


class Alerts(StrictModel):
    """Who is told."""

    slack: SlackAlerts = Field(default_factory=SlackAlerts)


class DataGates(StrictModel):
    """What stored candles may have before `data check` fails; above 0 but inside is a warning.

    null never fails. A file that cannot be read, or holds another timeframe than its name says,
    fails whatever stands here.
    """

    missing_pct_max: Annotated[Float, Field(ge=0, le=100)] | None = Field(
        default=5.0, description="missing bars, percent of those there should be"
    )
    gaps_max: Count | None = Field(default=None, description="holes in time")
    duplicates_max: Count | None = Field(
        default=0, description="rows that repeat an open time"
    )
    disorder_max: Count | None = Field(
        default=0, description="rows that open before the row above"
    )
    bad_rows_max: Count | None = Field(
        default=0, description="rows that are no bar: no time, no price, high below low"
    )
    off_grid_max: Count | None = Field(
        default=0, description="open times off the grid of the timeframe"
    )
    zero_volume_pct_max: Annotated[Float, Field(ge=0, le=100)] | None = Field(
        default=None, description="bars without volume, percent of the rows"
    )
    frozen_max: Count | None = Field(
        default=None, description="bars inside runs in which the price does not move at all"
    )
    outliers_max: Count | None = Field(
        default=None, description="bars that reach far beyond what is usual around them"
    )
    splits_max: Count | None = Field(
        default=None, description="jumps that look like a split nobody adjusted for"
    )
    outside_session_max: Count | None = Field(
        default=None, description="bars outside the regular sessions of a stock exchange"
    )


class DownloadSettings(StrictModel):
    """How patient a download is with a source that fails."""

    tries: int = Field(default=6, ge=1, le=100, description="attempts for one page")
    backoff_initial_sec: Float = Field(
        default=1.0, ge=0, le=3600, description="pause after the first failure; doubles each time"
    )
    backoff_max_sec: Float = Field(
        default=60.0, ge=0, le=86_400, description="longest pause that we choose"
    )


class AlertOn(StrEnum):
    """Which nightly runs a person is told of."""

    FAILURE = "failure"
    ALWAYS = "always"
    NEVER = "never"


def _dashes_are_underscores(value: object) -> object:
    return value.replace("-", "_") if isinstance(value, str) else value


def _day(value: str) -> str:
    try:
        date.fromisoformat(value)
    except ValueError as error:
        raise PydanticCustomError(
            "string_pattern_mismatch", "must be a day", {"pattern": "^[0-9]{4}-"}
        ) from error
    return value


class NightlyJob(StrictModel):
    """Series of one source that the nightly job keeps up to date."""

    source: Annotated[Name, BeforeValidator(_dashes_are_underscores)] = Field(
        description="name of a source of history, as in `paperbot plugins`"
    )
    symbols: list[Symbol] = Field(min_length=1, max_length=10_000, description="markets to fetch")
    timeframe: TimeframeText = Field(description="length of a bar, such as 1h")
    venue: str = Field(
        pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$", description="where the markets are, for the lake"
    )
    since: Annotated[str, AfterValidator(_day)] | None = Field(
        default=None, description="first day of a series that is new; null is the first there is"
    )
    bars: list[TimeframeText] = Field(
        default_factory=list, max_length=100, description="longer bars to make as well"
    )
    options: dict[str, Any] = Field(
        default_factory=dict, description="options of the source, over those of `data.sources`"
    )
    max_age_hours: Annotated[Float, Field(gt=0, le=100_000)] | None = Field(
        default=96.0, description="a series whose last bar closed longer ago fails; null is off"
    )


class NightlySettings(StrictModel):
    """What `paperbot data nightly` does, and when a session starts it."""

    at: str = Field(
        default="02:15", pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", description="time of day, UTC"
    )
    in_session: Bool = Field(
        default=False, description="whether `paperbot run` starts the job at that time"
    )
    jobs: list[NightlyJob] = Field(
        default_factory=list, max_length=1000, description="what to keep up to date"
    )
    keep_reports: Annotated[Int, Field(ge=1, le=36_500)] = Field(
        default=30, description="days of which reports are kept"
    )
    alert_on: AlertOn = Field(
        default=AlertOn.FAILURE, description="which runs alerts tell: failure, always or never"
    )
    timeout_min: Annotated[Float, Field(gt=0, le=100_000)] = Field(
        default=240.0, description="minutes after which fetching one series is given up"
    )

    def problems(self) -> Problems:
        """Yield each series that two jobs would write; paths start at this block."""
        seen: dict[tuple[str, str, int], int] = {}
        for index, job in enumerate(self.jobs):
            for place, symbol in enumerate(job.symbols):
                first = seen.setdefault((job.venue, symbol, timeframe_ms(job.timeframe)), index)
                if first != index or symbol in job.symbols[:place]:
                    yield Problem(
                        "PB6402",
                        ("jobs", index, "symbols", place),
                        f"{job.venue} {symbol} {job.timeframe} is in the nightly job already",
                        help="one source for a series: name it once",
                    )


class DataSettings(StrictModel):
    """Where stored markets are and how good they must be."""

    dir: str = Field(
        default="data", min_length=1, max_length=4096, description="folder of the data lake"
    )
    gates: DataGates = Field(default_factory=DataGates)
    download: DownloadSettings = Field(default_factory=DownloadSettings)
    sources: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="options of sources of history by name"
    )
    nightly: NightlySettings = Field(default_factory=NightlySettings)


class PluginChoice(StrictModel):
    """Which plugins must be there."""

    required: list[str] = Field(
        default_factory=list,
        max_length=1000,
        description="distributions or plugins without which nothing starts",
    )


class Settings(StrictModel):
    """How to run: mode, exchange, wallet, strategies, alerts."""

    mode: Mode = Field(default=Mode.DRY_RUN, description="DRY_RUN, PAPER or LIVE")
    read_only: Bool = Field(default=True, description="true blocks every LIVE order")
    exchange: ExchangeChoice = Field(
        default_factory=_default_exchange, description="the market to trade on"
    )
    wallet: Wallet = Field(default_factory=Wallet)
    strategies: list[StrategyName] | None = Field(
        default=None, description="names of the strategies to run, in order; null is all, by name"
    )
    state_dir: str = Field(
        default="state", min_length=1, max_length=4096, description="where runs and journals go"
    )
    simulation: Simulation = Field(default_factory=Simulation)
    metrics: Metrics = Field(default_factory=Metrics)
    alerts: Alerts = Field(default_factory=Alerts)
    data: DataSettings = Field(default_factory=DataSettings)
    plugins: PluginChoice = Field(default_factory=PluginChoice)
    risk_checks: dict[str, dict[str, Any]] = Field(
        default_factory=dict,
        max_length=100,
        description="risk checks of plugins that look at every entry: name and options",
    )

    def problems(self) -> Problems:
        """Yield contradictions between values."""
        for found in self.data.nightly.problems():
            yield replace(found, path=("data", "nightly", *found.path))
