"""What `halt`, `resume` and `anchor reset` share: ask, let it be answered, say what holds now."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from paperbot_core.cli.app import emit_json
from paperbot_core.cli.state import resolve_state_dir

if TYPE_CHECKING:
    from paperbot_core.ledger.records import Act

#: How long to wait for a running session to answer; it looks several times a second.
_WAIT_S = 5.0


def perform(
    project_dir: Path, state_dir: Path | None, act: Act, reason: str, *, as_json: bool
) -> None:
    """Have an act recorded: by the running session, else here and now.

    Raises:
        UserError: PB8015 there is no account yet, PB7015 the reason is too long.
    """
    from paperbot_core.ledger.journal import JOURNAL_NAME
    from paperbot_core.ledger.requests import request
    from paperbot_core.trade.status import no_account

    path = resolve_state_dir(project_dir, state_dir) / JOURNAL_NAME
    if not path.is_file():
        raise no_account(path)
    number = request(path, act, reason)
    taken = _answer(path, number)
    state = _state(path)
    if as_json:
        emit_json({"act": act.value, "recorded": taken, "state": state})
    elif taken:
        click.echo(f"{act.value.replace('_', ' ')}: recorded, the account is {state}")
    else:
        click.echo(f"{act.value.replace('_', ' ')}: asked for; the next session carries it out")


def _answer(path: Path, number: int) -> bool:
    """Carry out what is asked, or wait for the running session to; return whether it is done."""
    from paperbot_core.diagnostics import RetryableError
    from paperbot_core.ledger.journal import Journal
    from paperbot_core.trade.account import ACCOUNT, answer_stopped

    deadline = time.monotonic() + _WAIT_S
    while not _taken(path, number):
        try:
            with Journal.open(path, account=ACCOUNT, run_id="by hand", create=False) as journal:
                answer_stopped(journal, journal.pending_requests())
                break
        except RetryableError:
            # A session holds the journal and looks for requests by itself.
            if time.monotonic() > deadline:
                return False
            time.sleep(0.1)
    return _taken(path, number)


def _taken(path: Path, number: int) -> bool:
    from paperbot_core.ledger.reader import JournalReader

    with JournalReader(path) as reader:
        row = reader.connection.execute(
            "SELECT taken_seq FROM requests WHERE id = ?", (number,)
        ).fetchone()
    return row is not None and row[0] is not None


def _state(path: Path) -> str:
    from paperbot_core.ledger.reader import JournalReader

    with JournalReader(path) as reader:
        return reader.account().get("state", "active")
