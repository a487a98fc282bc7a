"""What in a lake serves nobody any more: leftovers of crashes, replaced parts, orphaned bars."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from paperbot_core.market.events.files import FOLDER as EVENTS
from paperbot_core.market.lake.dataset import Kind, key_of
from paperbot_core.market.lake.events import gold_events
from paperbot_core.market.lake.files import TEMP_PREFIX
from paperbot_core.market.lake.layout import FEATURES, MANIFEST, Lake, SeriesKey, read_manifest
from paperbot_core.market.lake.packed import META
from paperbot_core.market.lake.trades_bars import FOLDER as EVENT_BARS


@dataclass(frozen=True, slots=True)
class Waste:
    """A file that may go, and why."""

    path: Path
    size: int
    why: str


def find_waste(lake: Lake, *, bronze: bool = False) -> list[Waste]:
    """Return what may go, by path. Call it with the lock of the lake held.

    With `bronze`, raw files that no series names as a source are in it too: they cannot be made
    again.

    Raises:
        DataError: PB6105, a manifest cannot be read: without it nothing can be judged.
    """
    found: dict[Path, str] = {}
    for path in lake.root.rglob(f"{TEMP_PREFIX}*"):
        found[path] = "left by an interrupted write"
    found |= dict(_silver_waste(lake))
    found |= dict(_gold_waste(lake))
    found |= dict(_bronze_waste(lake, unused=bronze))
    return [Waste(path, path.stat().st_size, why) for path, why in sorted(found.items())]


def remove(waste: list[Waste]) -> None:
    """Delete the files, and folders that are empty then. Call it with the lock held."""
    for one in waste:
        one.path.unlink(missing_ok=True)
    for folder in {one.path.parent for one in waste}:
        if folder.exists() and not any(folder.iterdir()):
            folder.rmdir()


def _silver_waste(lake: Lake) -> Iterator[tuple[Path, str]]:
    for folder in lake.root.glob("silver/*/*/*"):
        manifest = folder / MANIFEST
        named = {MANIFEST}
        if manifest.exists():
            named |= {str(part["file"]) for part in read_manifest(manifest)["parts"]}
        for path in folder.glob("*.parquet"):
            if path.name not in named and not path.name.startswith(TEMP_PREFIX):
                yield path, "no manifest names this part"


def _gold_waste(lake: Lake) -> Iterator[tuple[Path, str]]:
    known = {key_of(manifest) for manifest in lake.manifests()}
    wanted = {gold_events(lake, key) for key in known if key.timeframe == Kind.EVENTS}
    made = (EVENT_BARS, FEATURES)
    for folder in (
        *lake.root.glob("gold/*"), *(f for one in made for f in lake.root.glob(f"gold/*/{one}"))
    ):
        for meta in folder.glob(f"{META}/*.json"):
            facts = read_manifest(meta)
            source = SeriesKey(str(facts["venue"]), str(facts["symbol"]), str(facts["made_from"]))
            if source in known:
                wanted |= {meta, folder / f"{meta.stem}.parquet", meta.with_suffix(".bars")}
    bars = ("*.parquet", f"{META}/*")
    layouts = (*bars, *(f"{one}/{layout}" for one in made for layout in bars), f"{EVENTS}/*")
    for path in (path for layout in layouts for path in lake.root.glob(f"gold/*/{layout}")):
        if path not in wanted and not path.name.startswith(TEMP_PREFIX):
            yield path, "its series is not in the lake"


def _bronze_waste(lake: Lake, *, unused: bool) -> Iterator[tuple[Path, str]]:
    sources = {
        (str(manifest["venue"]), str(source["sha256"]))
        for manifest in lake.manifests()
        for source in manifest["sources"]
    }
    for folder in lake.root.glob("bronze/*/*"):
        complete = (folder / MANIFEST).exists()
        used = (folder.parent.name, folder.name) in sources
        if complete and (used or not unused):
            continue
        why = "no series was made of it" if complete else "left by an interrupted import"
        for path in folder.iterdir():
            if not path.name.startswith(TEMP_PREFIX):
                yield path, why
