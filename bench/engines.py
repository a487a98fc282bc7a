"""Which engines take part, and the environments they need (made once, under `bench/peers/`)."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

from bench.processes import ROOT, Engine, run_process

PEERS = Path(__file__).parent / "peers"
OLD_NUMBA = "0.61.2"

WORKS = ("w1", "w3", "w2")
_SAME = {work: work for work in WORKS}


def peer_folder() -> Path:
    """Return where the peers' drivers are.

    Raises:
        FileNotFoundError: PAPERBOT_PEER_BENCH does not name a folder that has them.
    """
    named = os.environ.get("PAPERBOT_PEER_BENCH", "")
    folder = Path(named or ROOT.parent / "shared" / "bench")
    if not (folder / "peer_reference.py").is_file():
        raise FileNotFoundError(
            f"no peer drivers in {folder}: set PAPERBOT_PEER_BENCH to the folder that has them"
        )
    return folder


def venv(name: str, packages: Sequence[str]) -> Path:
    """Return the Python of an environment with `packages`, made if it is not there yet.

    Raises:
        subprocess.CalledProcessError: it could not be made; pip has said why.
    """
    folder = PEERS / name
    python = folder / "bin" / "python"
    stamp = folder / f".installed-{hashlib.sha256(' '.join(packages).encode()).hexdigest()[:12]}"
    if not stamp.exists():
        print(f"making {folder.relative_to(ROOT)}: {' '.join(packages)}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        pip = [str(python), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
        subprocess.run([*pip, *packages], check=True)
        stamp.touch()
    return python


def old_numba_python() -> Path:
    """Return a Python with our own dependencies, but the oldest numba that we support."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    ours = [need for need in project["dependencies"] if not need.startswith("numba")]
    return venv(f"numba-{OLD_NUMBA}", [f"numba=={OLD_NUMBA}", *ours])


def ours(python: str | Path, label: str) -> Engine:
    """Return our engine on one Python."""
    return Engine(
        "paperbot", label, (str(python), "-m", "bench.driver"),
        {"PYTHONPATH": str(ROOT)}, _SAME, {"w1": 12, "w3": 8, "w2": 4},
    )


def limit(python: str | Path, label: str, data: Path) -> Engine:
    """Return the hand-written loop; its W1 and W2 include indicators, its W3 does not."""
    return Engine(
        "numba_reference", label, (str(python), str(peer_folder() / "peer_reference.py")),
        {"BENCH_DATA": str(data)}, {"w1": "w1i", "w2": "w2", "w3": "w3"},
        {"w1": 15, "w3": 10, "w2": 3},
    )


def vectorbt(python: Path, engine: str, data: Path) -> Engine:
    """Return vectorbt on its `numba` or its `rust` engine."""
    return Engine(
        "vectorbt_rust" if engine == "rust" else "vectorbt", f"vectorbt {engine}",
        (str(python), "-W", "ignore", str(peer_folder() / "peer_vectorbt.py")),
        {"BENCH_DATA": str(data), "BENCH_ENGINE": engine}, _SAME, {"w1": 6, "w3": 4, "w2": 1},
    )


def all_engines() -> list[Engine]:
    """Return ours and the peers, on the newest numba and on the oldest, with their data made.

    Raises:
        FileNotFoundError: the peers' drivers are not there.
        subprocess.CalledProcessError, ProcessFailedError: an environment or the data failed.
    """
    drivers = peer_folder()
    other = venv("vectorbt", ["vectorbt", "vectorbt-rust", "pyarrow"])
    old = old_numba_python()
    data = PEERS / "data"
    if not (data / "S09.parquet").exists():
        run_process([str(other), str(drivers / "gen_data.py")], {"BENCH_DATA": str(data)})
    return [
        ours(sys.executable, "paperbot"),
        limit(sys.executable, "numba limit", data),
        ours(old, f"paperbot, numba {OLD_NUMBA}"),
        limit(old, f"numba limit, numba {OLD_NUMBA}", data),
        vectorbt(other, "rust", data),
        vectorbt(other, "numba", data),
    ]
