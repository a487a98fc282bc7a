"""The data lake: where everything is, who may write, and what it holds.

    bronze/<venue>/<sha256>/<name>                         bytes as they came, never changed
    silver/<venue>/<market>/<timeframe>/<month>.<digest>.parquet    typed, sorted, each bar once
    silver/<venue>/<market>/<timeframe>/manifest.json      which parts count, and their sources
    gold/<venue>/<market>_<timeframe>.parquet              bars to trade on, one file a market
    gold/<venue>/.meta/                                    their origin, and the mapped copies

A manifest is the commit point: parts that no manifest names do not exist for a reader.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paperbot_core.diagnostics import Diagnostic, Span, user_error
from paperbot_core.market.lake.contract import CANDLES, broken
from paperbot_core.market.lake.files import candle_name, write_json
from paperbot_core.market.lake.packed import META
from paperbot_core.market.lock import locked

MANIFEST = "manifest.json"
#: Folder of the gold layer with features of strategies.
FEATURES = "features"
_VENUE = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
_PART = r"[A-Za-z0-9$^=][A-Za-z0-9.$^=]{0,31}"
#: What the name of a candle file can hold; a ticker has no `-`, for `BTC-USDT` is BTC/USDT there.
_SYMBOL = re.compile(rf"{_PART}(/{_PART}(:{_PART})?)?")


@dataclass(frozen=True, slots=True, order=True)
class SeriesKey:
    """One market in one timeframe at one venue."""

    venue: str
    symbol: str
    timeframe: str

    @property
    def market(self) -> str:
        """The symbol as a folder name: `BTC-USDT`."""
        return self.symbol.replace("/", "-").replace(":", "-")


@dataclass(frozen=True, slots=True)
class Lake:
    """A folder that holds a lake, or will."""

    root: Path

    def bronze(self, venue: str) -> Path:
        """Return the folder of a venue's raw files."""
        return self.root / "bronze" / venue

    def silver(self, key: SeriesKey) -> Path:
        """Return the folder of the parts of a series."""
        return self.root / "silver" / key.venue / key.market / key.timeframe

    def gold(self, key: SeriesKey) -> Path:
        """Return the file of bars of a series."""
        name = f"{candle_name(key.symbol, key.timeframe)}.parquet"
        return self.root / "gold" / key.venue / name

    def gold_meta(self, key: SeriesKey) -> Path:
        """Return the file that says what the bars of a series were made of."""
        gold = self.gold(key)
        return gold.parent / META / f"{gold.stem}.json"

    def series(self) -> list[tuple[SeriesKey, dict[str, Any]]]:
        """Return every series of candles of the silver layer with its manifest, sorted.

        Raises:
            DataError: PB6105, a manifest cannot be read.
        """
        found = []
        for manifest in self.manifests(CANDLES):
            key = SeriesKey(*(str(manifest[name]) for name in ("venue", "symbol", "timeframe")))
            found.append((key, manifest))
        return found

    def manifests(self, dataset: str | None = None) -> list[dict[str, Any]]:
        """Return the manifests of the silver layer, of one kind of data set or of all, by path.

        Raises:
            DataError: PB6105, a manifest cannot be read.
        """
        read = (read_manifest(path) for path in sorted(self.root.glob(f"silver/*/*/*/{MANIFEST}")))
        return [found for found in read if dataset in (None, found.get("dataset"))]

    @contextmanager
    def writing(self, wait_s: float = 60.0) -> Iterator[None]:
        """Hold the lock of the lake; a second writer waits up to `wait_s` seconds for it.

        The lock belongs to the process: the system takes it back when the process ends, however.

        Raises:
            RetryableError: PB6104, another process still writes.
            UserError: PB6103, the folder is something else.
        """
        self._check_folder()
        self.root.mkdir(parents=True, exist_ok=True)
        busy = Diagnostic(
            "PB6104",
            f"another process is writing to the lake `{self.root}`",
            Span(str(self.root)),
            help="try again when it has finished",
        )
        with locked(self.root / ".lock", busy, wait_s):
            yield

    def _check_folder(self) -> None:
        """Refuse to make a lake among files that are none of it."""
        if not self.root.exists():
            return
        layers = {"bronze", "silver", "gold", ".lock"}
        if not self.root.is_dir() or {p.name for p in self.root.iterdir()} - layers:
            strangers = sorted(
                {p.name for p in self.root.iterdir()} - layers if self.root.is_dir() else set()
            )
            raise user_error(
                "PB6103",
                f"`{self.root}` is no data lake: it holds {', '.join(strangers[:5]) or 'data'}",
                file=str(self.root),
                help="name another folder with `--lake`, or `data.dir` in paperbot.yaml",
            )


def check_venue(venue: str) -> str:
    """Return `venue` if it can be a folder name.

    Raises:
        UserError: PB6106.
    """
    if not _VENUE.fullmatch(venue):
        raise user_error(
            "PB6106",
            f"`{venue[:60]}` cannot name a venue",
            expected="lower-case letters, digits, `-`, `_` and `.`, such as `binance`",
        )
    return venue


def check_symbol(symbol: str, path: Path) -> str:
    """Return `symbol`, of the file `path`, if the name of a candle file can hold it.

    Raises:
        UserError: PB6112.
    """
    if not _SYMBOL.fullmatch(symbol):
        raise user_error(
            "PB6112",
            f"`{symbol[:60]}` is not a symbol",
            file=str(path),
            expected="BTC/USDT, BTC/USDT:USDT or a ticker such as AAPL",
            help="say it with `--symbol`",
        )
    return symbol


def read_manifest(path: Path) -> dict[str, Any]:
    """Return a manifest.

    Raises:
        DataError: PB6105, it is no JSON object.
    """
    try:
        manifest = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise broken(path, str(error)) from error
    if not isinstance(manifest, dict):
        raise broken(path, "it is no JSON object")
    return manifest


def write_manifest(path: Path, manifest: dict[str, Any]) -> None:
    """Put a manifest in its place: from here on its parts are the series."""
    write_json(path, manifest)
