"""What a backtest stores so that `why` can run it again: its files as they were, its request."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from paperbot_core.diagnostics import DataError, Diagnostic, Span, UserError, user_error
from paperbot_core.market.events.files import events_file
from paperbot_core.market.timerange import TimeRange

if TYPE_CHECKING:
    from paperbot_core.config.project import Project
    from paperbot_core.market.candles.names import CandleFile
    from paperbot_core.research.request import BacktestRequest

#: The replaced files of a request, as the user named them.
REPLACED = ("policy", "universe")


@dataclass(frozen=True, slots=True)
class StoredRequest:
    """The request of a stored backtest; `replaced` are the user's names of replaced files."""

    request: BacktestRequest
    replaced: Mapping[str, str]


def request_facts(
    request: BacktestRequest, params: Mapping[str, Mapping[str, float]],
    policy: Path | None, universe: Path | None,
) -> dict[str, Any]:  # fmt: skip
    """Return a request as JSON: numbers as text where they were decimals, paths as given.

    `directory` is where relative paths start.
    """
    return {
        "directory": str(Path.cwd()),
        "params": {name: dict(values) for name, values in params.items()},
        "start": request.span.start,
        "end": request.span.end,
        "cash": None if request.cash is None else str(request.cash),
        "fee_bps": None if request.fee_bps is None else str(request.fee_bps),
        "slippage_bps": request.slippage_bps,
        "symbol": request.symbol,
        "timeframe": request.timeframe,
        "detail": request.detail,
        "policy": None if policy is None else str(policy),
        "universe": None if universe is None else str(universe),
    }


def candle_facts(files: tuple[CandleFile, ...]) -> list[dict[str, Any]]:
    """Return the candle files of a run with the SHA-256 of their bytes.

    `events` is that of the file of splits and dividends beside them, None where there is none.
    """
    return [
        {
            "symbol": file.symbol, "timeframe": file.timeframe, "path": str(file.path),
            "sha256": file_digest(file.path), "events": events_digest(file.path, file.symbol),
        }
        for file in files
    ]  # fmt: skip


def events_digest(candles: Path, symbol: str) -> str | None:
    """Return the SHA-256 of the events beside a candle file as hex; None where there are none."""
    path = events_file(candles, symbol)
    return None if path is None else file_digest(path)


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file as hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def stored_request(facts: Mapping[str, Any]) -> StoredRequest:
    """Return the request of a stored run, its candle files found and unchanged.

    Raises:
        UserError: PB6601 the run keeps no request, PB6602 a candle file is gone.
        DataError: PB6602 a candle file has changed since the run.
    """
    asked = facts.get("request")
    if not isinstance(asked, Mapping) or not facts.get("config"):
        raise cannot_explain(facts, "it was stored without its files and its request")
    try:
        return _stored(facts, asked)
    except (KeyError, TypeError, ValueError, ArithmeticError) as error:
        raise cannot_explain(facts, f"its request cannot be read: {error!r}") from error


def _stored(facts: Mapping[str, Any], asked: Mapping[str, Any]) -> StoredRequest:
    from paperbot_core.research.request import BacktestRequest

    paths = tuple(found_file(entry, Path(asked["directory"])) for entry in facts["candles"])
    return StoredRequest(
        BacktestRequest(
            strategies=tuple(facts["strategies"]), paths=paths,
            span=TimeRange(asked["start"], asked["end"]),
            cash=None if asked["cash"] is None else Decimal(asked["cash"]),
            fee_bps=None if asked["fee_bps"] is None else Decimal(asked["fee_bps"]),
            slippage_bps=asked["slippage_bps"], sets=asked["params"], symbol=asked["symbol"],
            timeframe=asked["timeframe"], detail=asked["detail"],
        ),
        {name: asked[name] for name in REPLACED if asked.get(name)},
    )  # fmt: skip


def found_file(entry: Mapping[str, Any], directory: Path) -> Path:
    """Return where a candle file of a run is now, after checking that it is the same."""
    named = Path(entry["path"])
    path = next((p for p in (directory / named, named) if p.is_file()), None)
    if path is None:
        raise user_error(
            "PB6602", f"the candles of the run are gone: `{named}`", file=str(directory / named),
            help="put the file back, or run the backtest again with the file it has now",
        )
    changed = ""
    if file_digest(path) != entry.get("sha256"):
        changed = f"`{path.name}` has changed since the run: its bars"
    # A run of an older version kept nothing about events.
    elif "events" in entry and events_digest(path, entry["symbol"]) != entry["events"]:
        changed = f"the events beside `{path.name}` have changed since the run: they"
    if changed:
        message = f"{changed} would explain another run"
        help_text = "run the backtest again, then ask again"
        raise DataError(Diagnostic("PB6602", message, Span(str(path)), help=help_text))
    return path


def cannot_explain(facts: Mapping[str, Any], why: str) -> UserError:
    """Return the error for a run that cannot be run again."""
    return user_error(
        "PB6601", f"the run `{facts.get('run_id')}` cannot be explained: {why}",
        help="run it again with this version, then ask again",
    )  # fmt: skip


def write_project(facts: Mapping[str, Any], directory: Path) -> None:
    """Write the stored files of a run into an empty directory.

    Raises:
        UserError: PB6601, a stored name is no place inside a project.
    """
    config = facts.get("config")
    if not isinstance(config, Mapping) or not config:
        raise cannot_explain(facts, "it was stored without its files")
    for name, text in config.items():
        inside = PurePosixPath(name)
        if inside.is_absolute() or ".." in inside.parts or "\\" in name:
            raise cannot_explain(facts, f"`{name}` is no file of a project")
        path = directory / inside
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def project_texts(project: Project, record: Path) -> dict[str, str]:
    """Return the files of a project by name, sorted, as they are stored with a run.

    `record` is the file of its recorded universe, which counts where the universe can change.
    """
    texts = dict(project.texts)
    if not project.universe.is_static and record.is_file():
        texts[record.name] = record.read_text("utf-8")
    return dict(sorted(texts.items()))
