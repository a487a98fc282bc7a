"""From a checked project to a session: mode, exchange, plugins, notifiers."""

from __future__ import annotations

import os
import platform
import secrets
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from paperbot_core.api import Notifier
from paperbot_core.config.project import Project
from paperbot_core.diagnostics import Diagnostic, PaperbotError, Severity, Span, UserError
from paperbot_core.domain.words import Mode
from paperbot_core.lang.strategy import CompiledStrategy
from paperbot_core.ledger.journal import JOURNAL_NAME
from paperbot_core.market.universe.membership_record import RECORD_NAME
from paperbot_core.plugins import Plugins
from paperbot_core.plugins_guard import Deadline
from paperbot_core.plugins_signals import SignalSource
from paperbot_core.trade.gate import effective_mode
from paperbot_core.trade.session import SessionSetup

#: Options of an exchange that choose how a market is played, not which one it is.
_PLAYBACK = frozenset({"speed", "bars", "timerange", "history", "path", "symbols", "timeframe"})


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What the command line asked for; None stands for what the files say."""

    mode: Mode | None = None
    seed: int | None = None
    state_dir: Path | None = None


def build_session(
    project: Project, compiled: Mapping[str, CompiledStrategy], plugins: Plugins,
    request: RunRequest, warn: Callable[[Diagnostic], None],
) -> SessionSetup:  # fmt: skip
    """Return everything a session is made of.

    Raises:
        RefusedError: PB8001, PB8002. UserError: PB5008, PB5009, PB8018. PluginError: PB5010.
    """
    mode = effective_mode(project, request.mode)
    strategies = tuple(compiled[loaded.name] for loaded in project.enabled)
    if not strategies:
        raise _nothing_to_run(project)
    choice = project.settings.exchange
    options = dict(choice.options)
    if request.seed is not None:
        options["seed"] = str(request.seed)

    def place(path: tuple[str | int, ...]) -> Span:
        return project.settings_places.span(("exchange", *(path or ("plugin",))))

    exchange = plugins.build("exchange", choice.plugin, options, place)
    seed = options.get("seed")
    cooldown = float(project.settings.alerts.slack.cooldown_sec)
    notifiers = _notifiers(project, plugins, warn)
    state_dir = request.state_dir or project.state_dir
    return SessionSetup(
        project=project, strategies=strategies, exchange=exchange,
        market=market_name(choice.plugin, options), mode=mode,
        seed=int(seed) if isinstance(seed, str) and seed.isdigit() else None,
        run_id=new_run_id(mode),
        journal=state_dir / JOURNAL_NAME, plugins=plugins.versions(),
        source=SignalSource(plugins, patient=False),
        checks=[
            replace(check, deadline=Deadline())
            for check in plugins.risk_checks(project.settings.risk_checks)
        ],
        notifiers=notifiers, cooldowns=dict.fromkeys(notifiers, cooldown),
        observers=[replace(one, deadline=Deadline()) for one in plugins.observers()],
        # A replay is a backtest's data as a market: what no tier lists is admitted there too.
        admit_unlisted=choice.plugin == "replay", record=state_dir / RECORD_NAME,
        host=(("host", socket.gethostname()), ("pid", str(os.getpid())),
              ("python", platform.python_version())),
    )  # fmt: skip


def _nothing_to_run(project: Project) -> UserError:
    span = project.settings_places.span(("strategies",))
    return UserError(Diagnostic(
        "PB8018", "there is no strategy to run", span,
        expected="a name in `strategies` of paperbot.yaml, its file in strategies.d",
        help="without the key, every strategy runs",
    ))  # fmt: skip


def market_name(plugin: str, options: Mapping[str, object]) -> str:
    """Return which market an account belongs to: the plugin and what makes it another market."""
    facts = [f"{key}={value}" for key, value in sorted(options.items()) if key not in _PLAYBACK]
    return " ".join([plugin, *facts])


def new_run_id(mode: Mode) -> str:
    """Return a name for a session that sorts by time and is never given twice."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    return f"{mode.value.lower().replace('_', '-')}-{stamp}-{secrets.token_hex(3)}"


def _notifiers(
    project: Project, plugins: Plugins, warn: Callable[[Diagnostic], None]
) -> dict[str, Notifier]:
    if not project.settings.alerts.slack.enabled:
        return {}
    try:
        return {"slack": plugins.build("notifier", "slack")}
    except PaperbotError as error:
        why = error.diagnostics[0].message
        warn(Diagnostic(
            "PB8013", f"alerts go nowhere, `slack` is not available: {why}",
            severity=Severity.WARNING,
            help="install paperbot-slack and set SLACK_WEBHOOK_URL, or switch the alert off",
        ))  # fmt: skip
        return {}
