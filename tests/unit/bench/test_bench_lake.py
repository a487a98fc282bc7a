"""The benchmark of the lake: its files have the faults that it says, and all engines find them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench import lake, lake_peers
from bench.data import START_MS, draw
from paperbot_core.domain.market import MINUTE_MS


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two small markets in all forms."""
    root = tmp_path_factory.mktemp("bench-lake")
    lake.write_inputs(root, symbols=2, bars=3_000)
    return root


def test_the_faulty_columns_hold_each_fault_as_often_as_the_others() -> None:
    """A thousand bars get one fault of a kind; 100,000 get FAULTS of them, half holes."""
    count = 100_000
    rng = np.random.default_rng(1)
    names = ("open", "high", "low", "close", "volume")
    columns = {
        "ts": START_MS + MINUTE_MS * np.arange(count, dtype=np.int64),
        **dict(zip(names, draw(rng, count), strict=True)),
    }
    faulty = lake.with_faults(columns, rng)
    steps = np.diff(faulty["ts"])
    assert len(faulty["ts"]) == count
    assert np.count_nonzero(steps == 0) == lake.FAULTS // 2
    assert np.count_nonzero(steps < 0) == lake.FAULTS
    assert np.count_nonzero(faulty["volume"] == 0) == lake.FAULTS
    assert np.count_nonzero(~np.isfinite(faulty["low"])) == lake.FAULTS


@pytest.mark.parametrize("form", lake.FORMATS)
@pytest.mark.parametrize("peer", ["duckdb", "polars"])
def test_all_engines_give_the_same_answers(
    peer: str, form: str, inputs: Path, tmp_path: Path
) -> None:
    """Import, check and open mean the same to ours and to a peer."""
    pytest.importorskip(peer)
    works = {"paperbot": lake.ours(), peer: getattr(lake_peers, f"{peer}_works")()}
    jobs = [
        lake.Job("import", "import", _linked(inputs / "good" / form, tmp_path), writes=True),
        lake.Job("check", "check", _linked(inputs / "faulty" / form, tmp_path)),
        lake.Job("open", "open", tmp_path / "good" / form),
    ]
    lines = lake.measure(jobs, works, runs=1)
    assert [(line["workload"], line["peer"], line["differs"]) for line in lines] == [
        (job.name, name, False) for job in jobs for name in works
    ]


def _linked(folder: Path, root: Path) -> Path:
    """Return a folder under `root` that holds the files of `folder`: what is written goes there."""
    copy = root / folder.parent.name / folder.name
    copy.mkdir(parents=True)
    for path in folder.iterdir():
        (copy / path.name).symlink_to(path)
    return copy
