"""A session's eye on the record of the universe: news once, trouble as a warning."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from paperbot_core.diagnostics import Severity
from paperbot_core.market.universe.membership_record import append_record
from paperbot_core.market.universe.selection import Snapshot
from paperbot_core.trade.record_watch import RecordWatch


def _snapshot(ts: int) -> Snapshot:
    return Snapshot(ts, {"A/USDT": "core"}, {}, {}, "static")


def _codes(watch: RecordWatch) -> list[str]:
    found, problems = watch.news()
    assert found is None
    assert all(one.severity is Severity.WARNING for one in problems)
    return [one.code for one in problems]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "universe.jsonl"


def test_without_a_record_there_are_no_news(path: Path) -> None:
    assert RecordWatch(None).news() == (None, [])
    assert RecordWatch(path).news() == (None, [])


def test_each_change_is_told_once(path: Path) -> None:
    watch = RecordWatch(path)
    for ts in (1, 2):
        append_record(path, [_snapshot(ts)])
        found, problems = watch.news()
        assert (found is not None and [one.ts for one in found], problems) == (
            list(range(1, ts + 1)), [],
        )  # fmt: skip
        assert watch.news() == (None, [])


def test_another_file_of_the_same_size_is_a_change(path: Path) -> None:
    append_record(path, [_snapshot(1)])
    watch = RecordWatch(path)
    watch.news()
    path.write_bytes(path.read_bytes().replace(b'"ts":1', b'"ts":7'))
    os.utime(path, ns=(1, 1))
    found, _ = watch.news()
    assert found is not None
    assert found[0].ts == 7


def test_what_is_gone_or_broken_is_warned_of_and_changes_nothing(path: Path) -> None:
    append_record(path, [_snapshot(1)])
    whole = path.read_bytes()
    watch = RecordWatch(path)
    watch.news()
    path.unlink()
    assert _codes(watch) == ["PB3501"]
    assert _codes(watch) == []
    path.write_bytes(whole + b"garbage\n")
    assert _codes(watch) == ["PB3502"]
    path.write_bytes(whole[20:])
    assert _codes(watch) == ["PB3501"]
    path.unlink()
    path.mkdir()
    assert _codes(watch) == ["PB3501"]
    assert _codes(watch) == []
    path.rmdir()
    path.write_bytes(whole)
    found, problems = watch.news()
    assert found is not None
    assert problems == []
