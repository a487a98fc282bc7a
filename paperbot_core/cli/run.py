"""`paperbot run`: a session in DRY_RUN or PAPER, looping or one cycle."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from paperbot_core.cli.app import emit_json, json_option, pass_project_dir
from paperbot_core.cli.state import state_dir_option

if TYPE_CHECKING:
    from paperbot_core.cli.teller import Teller
    from paperbot_core.research.check import CheckedProject
    from paperbot_core.trade.session import SessionResult, SessionSetup

HALTED = 3
MODE_ABOVE_POLICY = "PB4002"


@click.command()
@click.option("--once", is_flag=True, help="Run one cycle and print what came of it as JSON.")
@click.option("--bars", type=click.IntRange(1), metavar="N", help="Stop after N bars.")
@click.option("--seed", type=click.IntRange(0), metavar="N",
              help="Another seed for the sandbox market.")
@state_dir_option
@click.option("--mode", type=click.Choice(["DRY_RUN", "PAPER", "LIVE"], case_sensitive=False),
              help="A lower mode than the one in paperbot.yaml.")
@json_option
@pass_project_dir
def run(
    project_dir: Path, once: bool, bars: int | None, seed: int | None, state_dir: Path | None,
    mode: str | None, as_json: bool,
) -> int:
    """Start a session: bars come in, decisions are committed, fills are simulated (PAPER)."""
    import asyncio

    from paperbot_core.cli.secrets import load_env
    from paperbot_core.cli.teller import Teller
    from paperbot_core.domain.words import Mode
    from paperbot_core.research.check import load_plugins
    from paperbot_core.trade.build import RunRequest, build_session

    load_env(project_dir)
    checked = _checked(project_dir)
    teller = Teller(quiet=once or as_json)
    for warning in checked.warnings:
        teller.on_warning(warning)
    request = RunRequest(Mode(mode.upper()) if mode else None, seed, state_dir)
    setup = build_session(
        checked.project, checked.compiled, load_plugins(checked.project), request,
        teller.on_warning,
    )
    if once:
        answer, result = asyncio.run(_once(setup, teller))
        _store(checked, setup, teller, result)
        emit_json(answer)
        return HALTED if answer["status"] == "halted" else 0
    facts = _serve(checked, setup, teller, bars)
    if as_json:
        emit_json({k: v for k, v in facts.items() if k != "config"})
    return 0


def _checked(project_dir: Path) -> CheckedProject:
    """Check the project; a mode above the policy's highest is a refusal, not a typing error."""
    from paperbot_core.diagnostics import RefusedError, Severity, UserError
    from paperbot_core.research.check import check_project

    try:
        return check_project(project_dir)
    except UserError as error:
        errors = {d.code for d in error.diagnostics if d.severity is Severity.ERROR}
        if errors == {MODE_ABOVE_POLICY}:
            raise RefusedError(error.diagnostics) from error
        raise


async def _once(
    setup: SessionSetup, teller: Teller
) -> tuple[dict[str, Any], SessionResult]:
    from paperbot_core.trade.once import run_once
    from paperbot_core.trade.session import Session

    return await run_once(Session(setup, teller))


def _serve(
    checked: CheckedProject, setup: SessionSetup, teller: Teller, bars: int | None
) -> dict[str, Any]:
    """Run until the end and keep the run where `report`, `why` and `trades` find it."""
    import asyncio

    result = asyncio.run(_loop(checked, setup, teller, bars))
    return _store(checked, setup, teller, result)


async def _loop(
    checked: CheckedProject, setup: SessionSetup, teller: Teller, bars: int | None
) -> SessionResult:
    import asyncio
    import signal

    from paperbot_core.observe.server import MetricsServer
    from paperbot_core.trade.session import Session

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    port = checked.project.settings.metrics.port
    if port is None:
        return await Session(setup, teller).run(stop=stop, bars=bars)
    with MetricsServer(port) as server:
        teller.metrics = server.metrics
        return await Session(setup, teller).run(stop=stop, bars=bars)


def _store(
    checked: CheckedProject, setup: SessionSetup, teller: Teller, result: SessionResult
) -> dict[str, Any]:
    from datetime import UTC, datetime

    from paperbot_core.report.run import SavedRun
    from paperbot_core.report.store import RunStore
    from paperbot_core.research.session_run import session_run

    made = session_run(
        setup.journal, checked.project, result, cash=result.start_cash,
        warnings=teller.warnings,
    )
    created = datetime.now(UTC).isoformat(timespec="milliseconds")
    facts = {**made.facts, "created": created, "seed": setup.seed}
    saved = SavedRun(facts, made.trades, made.fills, made.equity, made.candles)
    folder = RunStore(setup.journal.parent).save(saved, replace=True)
    teller.on_stop(result, len(made.trades["symbol"]), folder)
    return facts
