"""All hooks. Each announces components; none takes a decision, so their order cannot matter.

A plugin is a module (or object) named by an entry point of group `paperbot` that has some of these
functions, marked with `hookimpl`. They are called once, when plugins are loaded, and must be quick:
no I/O, no heavy imports (import those where a component is built or first used).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from paperbot_core.api.component import Component
    from paperbot_core.api.protocols import (
        DataSource,
        Exchange,
        Feature,
        Notifier,
        Observer,
        RiskCheck,
        Strategy,
        Trigger,
    )

PROJECT = "paperbot"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def register_exchanges() -> list[Component[Exchange]]:  # type: ignore[empty-body]
    """Announce exchanges: where bars come from and, if they execute, where orders go.

    Users choose one in `paperbot.yaml` with `exchange: {plugin: NAME, ...options}`.
    """


@hookspec
def register_features() -> list[Component[Feature]]:  # type: ignore[empty-body]
    """Announce features: functions of the strategy language, called as `plugin.name(...)`.

    A feature is tried on made-up data before its first use; one that looks ahead is refused.
    """


@hookspec
def register_triggers() -> list[Component[Trigger]]:  # type: ignore[empty-body]
    """Announce triggers. A strategy file enters on one with `uses: plugin.name`."""


@hookspec
def register_strategies() -> list[Component[Strategy]]:  # type: ignore[empty-body]
    """Announce strategies. A strategy file runs one with `uses: NAME`."""


@hookspec
def register_risk_checks() -> list[Component[RiskCheck]]:  # type: ignore[empty-body]
    """Announce risk checks. Users switch one on under `risk_checks:` in `paperbot.yaml`.

    All that are on look at every entry; the strictest answer counts.
    """


@hookspec
def register_notifiers() -> list[Component[Notifier]]:  # type: ignore[empty-body]
    """Announce notifiers. Users switch one on under `alerts:` in `paperbot.yaml`."""


@hookspec
def register_data_sources() -> list[Component[DataSource]]:  # type: ignore[empty-body]
    """Announce sources of history."""


@hookspec
def register_observers() -> list[Component[Observer]]:  # type: ignore[empty-body]
    """Announce observers: told of every event after it was committed."""


#: What users call the components of each hook.
KINDS: dict[str, str] = {
    "register_exchanges": "exchange",
    "register_features": "feature",
    "register_triggers": "trigger",
    "register_strategies": "strategy",
    "register_risk_checks": "risk_check",
    "register_notifiers": "notifier",
    "register_data_sources": "data_source",
    "register_observers": "observer",
}
