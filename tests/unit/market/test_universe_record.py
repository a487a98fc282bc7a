"""The record of the universe: appended, read back to the bit, repaired, refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from paperbot_core.diagnostics import DataError, Diagnostic
from paperbot_core.market.universe.membership_record import (
    append_record,
    first_seen,
    load_record,
    snapshot_line,
)
from paperbot_core.market.universe.selection import MarketFacts, Snapshot, select
from tests.universe_world import DAY, DAY_MS, NAN, fact, facts, universe, universes, written

FACTS = [fact("A/USDT", 0.1 + 0.2, spread_pct=NAN), fact("B/USDT", traded=False)]


def snapshot(ts: int = DAY, found: list[MarketFacts] | None = None) -> Snapshot:
    return select(universe(), ts, FACTS if found is None else found, candles=False)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "universe.jsonl"


def test_no_file_is_no_record(path: Path) -> None:
    assert load_record(path) == []
    append_record(path, [])
    assert not path.exists()


def test_what_was_appended_is_read(path: Path) -> None:
    append_record(path, [snapshot(DAY + DAY_MS), snapshot()])
    append_record(path, [snapshot(DAY + 2 * DAY_MS)])
    found = load_record(path)
    assert [one.ts for one in found] == [DAY, DAY + DAY_MS, DAY + 2 * DAY_MS]
    assert written(found[0]) == written(snapshot())
    first, *lines = path.read_text("utf-8").splitlines()
    assert json.loads(first) == {"record": "paperbot universe", "version": 1}
    assert len(lines) == 3


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(universes(), facts())
def test_any_snapshot_survives(tmp_path: Path, made: object, found: list[MarketFacts]) -> None:
    path = tmp_path / "any.jsonl"
    path.unlink(missing_ok=True)
    one = select(made, DAY, found, candles=True)  # type: ignore[arg-type]
    append_record(path, [one])
    (back,) = load_record(path)
    assert (written(back), list(back.tiers.items())) == (written(one), list(one.tiers.items()))


def test_the_later_line_counts(path: Path) -> None:
    append_record(path, [snapshot()])
    append_record(path, [snapshot(found=[fact("A/USDT", 7.0)])])
    (found,) = load_record(path)
    assert found.facts["A/USDT"].quote_volume == 7.0


@pytest.mark.parametrize("tail", [b'{"ts": 17', b"\xff\xfe", b"x"])
def test_a_torn_last_line_is_left_out_and_repaired(path: Path, tail: bytes) -> None:
    append_record(path, [snapshot()])
    path.write_bytes(path.read_bytes() + tail)
    warnings: list[Diagnostic] = []
    assert [one.ts for one in load_record(path, warnings)] == [DAY]
    assert [(w.code, w.span and w.span.line) for w in warnings] == [("PB3503", 3)]
    append_record(path, [snapshot(DAY + DAY_MS)])
    warnings.clear()
    assert [one.ts for one in load_record(path, warnings)] == [DAY, DAY + DAY_MS]
    assert warnings == []


def test_a_first_line_of_nothing_is_torn(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b'{"rec' + b"\0" * 40)
    assert load_record(path, []) == []
    append_record(path, [snapshot()])
    assert [one.ts for one in load_record(path)] == [DAY]


def test_every_prefix_of_a_record_can_be_read_and_gone_on_with(path: Path) -> None:
    append_record(path, [snapshot(), snapshot(DAY + DAY_MS)])
    whole = path.read_bytes()
    for size in range(0, len(whole), 7):
        path.write_bytes(whole[:size])
        kept = load_record(path, [])
        assert [one.ts for one in kept] == [DAY, DAY + DAY_MS][: len(kept)]
        append_record(path, [snapshot(DAY + 5 * DAY_MS)])
        assert [one.ts for one in load_record(path)] == [
            *(one.ts for one in kept), DAY + 5 * DAY_MS,
        ]  # fmt: skip


def test_a_whole_line_without_its_end_is_kept(path: Path) -> None:
    append_record(path, [snapshot()])
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    assert [one.ts for one in load_record(path)] == [DAY]
    append_record(path, [snapshot(DAY + DAY_MS)])
    assert [one.ts for one in load_record(path)] == [DAY, DAY + DAY_MS]


@pytest.mark.parametrize(
    "line",
    ["{}", "[]", "nonsense", '{"ts": "1"}', "[" * 5_000,
     snapshot_line(snapshot()).replace('"tickers"', '"guess"'),
     snapshot_line(snapshot()).replace(str(DAY), "-1"),
     snapshot_line(snapshot()).replace("true", "1"),
     snapshot_line(snapshot()).replace("400.0", "NaN"),
     snapshot_line(snapshot())[:-1] + ',"more":1}'],
)  # fmt: skip
def test_garbage_is_named_with_its_line(path: Path, line: str) -> None:
    append_record(path, [snapshot()])
    with path.open("a", encoding="utf-8") as opened:
        opened.write(f"\n{line}\n")
    with pytest.raises(DataError) as caught:
        load_record(path)
    (told,) = caught.value.diagnostics
    assert (told.code, told.span and told.span.line) == ("PB3502", 4)


@pytest.mark.parametrize(
    "content", [b"hello\n", b"hello", b'{"a": 1}', b'{"version": 1}\n', b"\n\n{}\n", b"\xff\n"]
)
def test_another_file_is_refused_and_left_alone(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    for attempt in (lambda: load_record(path), lambda: append_record(path, [snapshot()])):
        with pytest.raises(DataError, match="PB3501"):
            attempt()
    assert path.read_bytes() == content


def test_a_folder_is_no_record(path: Path) -> None:
    path.mkdir(parents=True)
    for attempt in (lambda: load_record(path), lambda: append_record(path, [snapshot()])):
        with pytest.raises(DataError, match="PB3501"):
            attempt()


def test_a_full_disk_leaves_the_record_as_it_was(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append_record(path, [snapshot()])
    before = path.read_bytes()

    def half(handle: int, text: bytes) -> int:
        if len(text) < 100:
            raise OSError(28, "No space left on device")
        return real(handle, text[: len(text) // 2])

    real = os.write
    monkeypatch.setattr(os, "write", half)
    with pytest.raises(DataError, match="No space left"):
        append_record(path, [snapshot(DAY + DAY_MS)])
    assert path.read_bytes() == before


_WRITER = """
import sys
from pathlib import Path
from paperbot_core.market.universe.membership_record import append_record
from paperbot_core.market.universe.selection import Snapshot
first = int(sys.argv[2])
for k in range(first, first + 30):
    append_record(Path(sys.argv[1]), [Snapshot(k, {"A/USDT": "core"}, {}, {}, "static")])
"""


def test_two_processes_take_turns(path: Path, root: Path) -> None:
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(path), str(first)],
            env={**os.environ, "PYTHONPATH": str(root)},
        )
        for first in (1, 31)
    ]
    assert [writer.wait(30) for writer in writers] == [0, 0]
    assert [one.ts for one in load_record(path)] == list(range(1, 61))


def test_a_symbol_is_seen_from_its_first_snapshot_on() -> None:
    assert first_seen([snapshot(DAY + DAY_MS), snapshot()]) == {"A/USDT": DAY}
