"""Rebuild, reset, export and the commands."""

import csv
import json
import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from paperbot_core.cli import cli
from paperbot_core.diagnostics import IntegrityError, RetryableError, UserError
from paperbot_core.ledger.export import COLUMNS, ExportFormat, export
from paperbot_core.ledger.journal import Journal
from paperbot_core.ledger.reader import JournalReader
from paperbot_core.ledger.rebuild import rebuild
from paperbot_core.ledger.reset import reset
from paperbot_core.ledger.verify import verify
from tests.unit.ledger.histories import ACCOUNT, make_steps, write


@pytest.fixture
def path(tmp_path: Path) -> Path:
    journal = tmp_path / "state" / "journal.sqlite"
    write(journal, make_steps(3, 40))
    return journal


def edit(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path)) as conn, conn:
        conn.execute(sql)


def invoke(*words: str) -> Result:
    return CliRunner().invoke(cli, list(words))


def test_rebuild_repairs_every_table_and_says_what_differed(path: Path) -> None:
    edit(path, "DELETE FROM trades WHERE seq = (SELECT max(seq) FROM trades)")
    edit(path, "UPDATE fills SET quantity = '9' WHERE seq = (SELECT min(seq) FROM fills)")
    edit(path, "INSERT INTO equity VALUES (1, 5, '1', '1', '0', 0.0)")
    assert not verify(path).ok
    dry = rebuild(path, dry_run=True)
    assert [str(d) for d in dry.differences] == [
        "table fills: 1 rows changed",
        "table trades: 1 rows missing",
        "table equity: 1 rows extra",
    ]
    assert not dry.written
    assert not verify(path).ok
    assert rebuild(path).written
    assert verify(path).ok
    assert rebuild(path).differences == ()


def test_rebuild_refuses_events_that_are_not_ours(path: Path) -> None:
    edit(path, "DROP TRIGGER events_keep")
    edit(path, "UPDATE events SET body = replace(body, '1', '2') WHERE seq = 7")
    before = path.read_bytes()
    with pytest.raises(IntegrityError) as caught:
        rebuild(path)
    assert "event 7" in str(caught.value)
    assert path.read_bytes() == before


def test_rebuild_of_the_last_hours_leaves_older_rows_alone(path: Path) -> None:
    edit(path, "UPDATE equity SET cash = '1'")
    report = rebuild(path, hours=5)
    assert [(d.table, d.changed) for d in report.differences] == [("equity", 6)]
    with JournalReader(path) as reader:
        assert [row["cash"] == "1" for row in reader.table("equity")] == [True] * 34 + [False] * 6


def test_rebuild_waits_for_no_session_but_a_dry_run_may_look(path: Path) -> None:
    with Journal.open(path, account=ACCOUNT, run_id="r"):
        assert rebuild(path, dry_run=True).differences == ()
        with pytest.raises(RetryableError, match="PB7008"):
            rebuild(path)


def test_reset_keeps_the_old_journal_whole_and_starts_an_empty_one(path: Path) -> None:
    before = verify(path)
    first = reset(path, clock=lambda: 1_700_000_000_000)
    assert first.name == "journal-20231114T221320.sqlite"
    assert verify(first) == before
    assert verify(path).events == 0
    second = reset(path, clock=lambda: 1_700_000_000_000)
    assert second.name == "journal-20231114T221320-2.sqlite"
    write(path, make_steps(3, 40))
    assert verify(path).content_hash == before.content_hash


def test_reset_is_refused_while_somebody_uses_the_journal(path: Path) -> None:
    with (
        Journal.open(path, account=ACCOUNT, run_id="r"),
        pytest.raises(RetryableError, match="PB7008"),
    ):
        reset(path)
    with JournalReader(path) as reader:
        reader.connection.execute("BEGIN")
        reader.head()
        with pytest.raises(RetryableError, match="PB7007"):
            reset(path)
    assert verify(path).ok


def test_exported_amounts_are_exact_text_in_both_formats(path: Path, tmp_path: Path) -> None:
    files = export(path, tmp_path / "out", ExportFormat.CSV)
    assert [f.name for f in files] == [f"{name}.csv" for name in COLUMNS]
    export(path, tmp_path / "out", ExportFormat.PARQUET)
    with JournalReader(path) as reader:
        for name, columns in COLUMNS.items():
            with (tmp_path / "out" / f"{name}.csv").open(newline="") as file:
                rows = list(csv.DictReader(file))
            table = pq.read_table(tmp_path / "out" / f"{name}.parquet")
            assert table.column_names == list(columns)
            assert table.num_rows == len(rows) == len(reader.table(name)) > 0
        stored = {row["fill_id"]: row["price"] for row in reader.table("fills")}
    fills = pq.read_table(tmp_path / "out" / "fills.parquet").to_pylist()
    assert {row["fill_id"]: row["price"] for row in fills} == stored
    assert all(Decimal(row["price"]) > 0 for row in fills)
    assert sorted(p.suffix for p in (tmp_path / "out").iterdir()) == [
        suffix for suffix in (".csv", ".parquet") for _ in COLUMNS
    ]


def test_an_export_that_cannot_be_written_is_a_diagnostic(path: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="PB7012"):
        export(path, tmp_path / "file", ExportFormat.CSV)


def test_the_commands_answer_and_set_the_exit_code(path: Path, tmp_path: Path) -> None:
    state = ["--state-dir", str(path.parent)]
    good = invoke("ledger", "verify", "--json", *state)
    assert good.exit_code == 0
    answer = json.loads(good.stdout)
    assert answer["ok"] is True
    assert answer["problems"] == []
    assert len(answer["content_hash"]) == 64
    assert "intact" in invoke("ledger", "verify", *state).stdout
    out = invoke("ledger", "export", "--format", "csv", "--out", str(tmp_path / "o"), *state)
    assert len(out.stdout.splitlines()) == len(COLUMNS)

    edit(path, "UPDATE equity SET cash = '1'")
    bad = invoke("ledger", "verify", "--json", *state)
    assert bad.exit_code == 4
    assert json.loads(bad.stdout)["ok"] is False
    assert invoke("ledger", "verify", *state).exit_code == 4
    assert "40 rows changed" in invoke("ledger", "rebuild", "--dry-run", *state).stdout
    assert json.loads(invoke("ledger", "rebuild", "--json", *state).stdout)["written"] is True
    assert invoke("ledger", "verify", *state).exit_code == 0


def test_the_commands_refuse_what_is_not_there(tmp_path: Path) -> None:
    for words in (("verify",), ("rebuild",), ("export", "--format", "csv", "--out", "x")):
        result = invoke("ledger", *words, "--state-dir", str(tmp_path))
        assert result.exit_code == 1
        assert "PB7001" in result.output
    assert list(tmp_path.iterdir()) == []
