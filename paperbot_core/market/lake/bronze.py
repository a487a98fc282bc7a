"""The bronze layer: files as they came, kept under their own hash and never changed."""

from __future__ import annotations

import shutil
from pathlib import Path

from paperbot_core.diagnostics import DataError, Diagnostic, Span
from paperbot_core.market.lake.files import sha256_of, write_atomically, write_json
from paperbot_core.market.lake.layout import MANIFEST, Lake
from paperbot_core.market.timerange import iso_time


def keep_raw(
    lake: Lake, path: Path, digest: str, *, venue: str, layout: str, now_ms: int
) -> None:
    """Copy a file into the bronze layer; one that is there already is left alone.

    `digest` is the SHA-256 of the bytes that were looked at, `layout` what they were taken for,
    `now_ms` (UTC) is noted. Call it with the lock of the lake held.

    Raises:
        DataError: PB6114, the file changed since its digest was taken.
    """
    folder = lake.bronze(venue) / digest
    if (folder / MANIFEST).exists():
        return
    target = folder / path.name
    write_atomically(target, lambda temp: _copy(path, temp, digest))
    write_json(
        folder / MANIFEST,
        {
            "sha256": digest,
            "bytes": target.stat().st_size,
            "name": path.name,
            "venue": venue,
            "layout": layout,
            "imported_at": iso_time(now_ms),
        },
    )


def _copy(path: Path, temp: Path, digest: str) -> None:
    shutil.copyfile(path, temp)
    if sha256_of(temp) != digest:
        raise DataError(
            Diagnostic(
                "PB6114",
                f"`{path.name}` changed while it was read",
                Span(str(path)),
                help="import it again when nothing writes to it",
            )
        )
    temp.chmod(0o444)
