"""Records of what strategies do on a market made from a seed, and the comparison with them.

One readable JSON file a strategy, `strategies.d/baseline/NAME.json`. Signals, stops, trades and
exit reasons must be equal, metrics equal to 1 %.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from paperbot_core.config.policy import PolicyFile
from paperbot_core.diagnostics import DataError, Diagnostic, Severity, Span, user_error
from paperbot_core.domain.market import timeframe_ms
from paperbot_core.market.timerange import iso_time
from paperbot_core.research.baseline_market import START_TS
from paperbot_core.research.baseline_run import (
    Content,
    baseline_content,
    baseline_policy,
    expected_exits,
)
from paperbot_core.research.check import CheckedProject

#: Where records are, beside the strategies they hold to.
FOLDER = Path("strategies.d") / "baseline"
#: Metrics may differ by so much of the larger value, or by so little in total.
METRICS_RELATIVE = 1e-2
METRICS_ABSOLUTE = 1e-9
#: A strategy that trades less, or never shows one of its exits, is hardly held to anything.
TRADES_MIN = 10
_SHOWN = 5


def record_path(folder: Path, strategy: str) -> Path:
    """Return the file of a strategy's record."""
    return folder / f"{strategy}.json"


def record(checked: CheckedProject, folder: Path, names: Sequence[str]) -> list[Diagnostic]:
    """Write the records of the named strategies; return warnings about thin ones.

    Raises:
        UserError: PB6610, a file cannot be written.
    """
    found: list[Diagnostic] = []
    for name in names:
        compiled = checked.compiled[name]
        content = baseline_content(
            checked.project, compiled, baseline_policy(checked.project), checked.plugins
        )
        found += _thin(content, expected_exits(compiled), record_path(folder, name))
        _write(content, record_path(folder, name))
    return found


def check(checked: CheckedProject, folder: Path, names: Sequence[str]) -> list[Content]:
    """Compare the named strategies with their records and return what they do now.

    Raises:
        UserError: PB6610, a record is missing or no record.
        DataError: PB6611 to PB6613, every difference of every strategy.
    """
    found: list[Diagnostic] = []
    contents = []
    for name in names:
        path = record_path(folder, name)
        known = _read(path)
        now = baseline_content(
            checked.project, checked.compiled[name], known["policy"], checked.plugins
        )
        contents.append(now)
        found += differences(known, now, str(path))
    if found:
        raise DataError(found)
    return contents


def differences(known: Content, now: Content, file: str) -> list[Diagnostic]:
    """Return one diagnostic for each kind of difference, the first few places of each named."""
    name = now["strategy"]
    if known["market"] != now["market"]:
        message = f"`{name}` was recorded on another market than this version makes"
        return [_fault("PB6613", message, file, "record it again with `paperbot baseline record`")]
    found: list[Diagnostic] = []
    for what in ("signals", "stops", "trades"):
        places = list(_differing(what, known, now))
        if places:
            more = f" and {len(places) - _SHOWN} more" if len(places) > _SHOWN else ""
            message = f"{what} of `{name}` differ: {'; '.join(places[:_SHOWN])}{more}"
            found.append(_fault("PB6611", message, file, _HELP))
    exits = [
        f"`{reason}` expected {known['exits'].get(reason, 0)}, got {now['exits'].get(reason, 0)}"
        for reason in sorted({*known["exits"], *now["exits"]})
        if known["exits"].get(reason, 0) != now["exits"].get(reason, 0)
    ]
    if exits:
        found.append(_fault("PB6611", f"exits of `{name}` differ: {'; '.join(exits)}", file, _HELP))
    metrics = [
        f"`{key}` expected {known['metrics'].get(key)}, got {now['metrics'].get(key)}"
        for key in sorted({*known["metrics"], *now["metrics"]})
        if not close_enough(known["metrics"].get(key), now["metrics"].get(key))
    ]
    if metrics:
        more = f" and {len(metrics) - _SHOWN} more" if len(metrics) > _SHOWN else ""
        message = f"metrics of `{name}` differ: {'; '.join(metrics[:_SHOWN])}{more}"
        found.append(_fault("PB6612", message, file, _HELP))
    return found


#: Rows as `12 15-19`, and lines that begin with a row.
_Ranges = Annotated[str, Field(pattern=r"^[0-9]{1,5}(-[0-9]{1,5})?( [0-9]{1,5}(-[0-9]{1,5})?)*$")]
_Line = Annotated[str, Field(pattern=r"^[0-9]{1,5} .")]


class _Record(BaseModel):
    """The shape of a record; a file that people may edit is not trusted."""

    model_config = ConfigDict(hide_input_in_errors=True)

    format: Literal[1]
    market: dict[str, Any]
    policy: PolicyFile
    signals: dict[str, dict[str, list[_Ranges]]]
    stops: dict[str, list[_Line]]
    trades: dict[str, list[_Line]]
    exits: dict[str, int]
    metrics: dict[str, float | None]


_HELP = "if the change is meant, record it with `paperbot baseline record` and say why"


def close_enough(known: float | None, now: float | None) -> bool:
    """Tell whether a metric is what it was, to 1 % of the larger; undefined equals undefined."""
    if known is None or now is None:
        return known is now
    return math.isclose(known, now, rel_tol=METRICS_RELATIVE, abs_tol=METRICS_ABSOLUTE)


def _differing(what: str, known: Content, now: Content) -> Iterator[str]:
    """Yield each place where signals, stops or trades differ, as a person looks for it."""
    tf_ms = timeframe_ms(now["timeframe"])
    old, new = known[what], now[what]
    for symbol in sorted({*old, *new}):
        if what == "signals":
            rules = sorted({*old.get(symbol, {}), *new.get(symbol, {})})
            for rule in rules:
                before = _rows(old.get(symbol, {}).get(rule, []))
                after = _rows(new.get(symbol, {}).get(rule, []))
                for row in sorted(before ^ after):
                    was, got = row in before, row in after
                    where = _place(symbol, row, tf_ms)
                    yield f"{rule} on {where}: expected {_truth(was)}, got {_truth(got)}"
        else:
            yield from _lines(symbol, old.get(symbol, []), new.get(symbol, []), tf_ms)


def _lines(symbol: str, old: Sequence[str], new: Sequence[str], tf_ms: int) -> Iterator[str]:
    before = {line.split(" ", 1)[0]: line for line in old}
    after = {line.split(" ", 1)[0]: line for line in new}
    for row in sorted({*before, *after}, key=int):
        was, got = before.get(row), after.get(row)
        if was != got:
            where = _place(symbol, int(row), tf_ms)
            yield f"{where}: expected {_text(was)}, got {_text(got)}"


def _place(symbol: str, row: int, tf_ms: int) -> str:
    return f"{symbol} bar {row} ({iso_time(START_TS + row * tf_ms)})"


def _text(line: str | None) -> str:
    return "nothing" if line is None else f"`{line.split(' ', 1)[1]}`"


def _truth(value: bool) -> str:
    return "true" if value else "false"


def _rows(texts: Sequence[str]) -> set[int]:
    """Return the rows of `12 15-19` as a set."""
    found: set[int] = set()
    for word in " ".join(texts).split():
        first, _, last = word.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return found


def _fault(code: str, message: str, file: str, help_text: str) -> Diagnostic:
    return Diagnostic(code, message, Span(file), help=help_text)


def _thin(content: Content, expected: Sequence[str], path: Path) -> list[Diagnostic]:
    trades = sum(len(lines) for lines in content["trades"].values())
    missing = [reason for reason in expected if reason not in content["exits"]]
    parts = [f"only {trades} trades"] if trades < TRADES_MIN else []
    parts += [f"no exit by {reason}" for reason in missing]
    if not parts:
        return []
    message = f"the record of `{content['strategy']}` is thin: {', '.join(parts)}"
    return [Diagnostic("PB6614", message, Span(str(path)), Severity.WARNING)]


def _write(content: Content, path: Path) -> None:
    working = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
        working.write_text(text + "\n", encoding="utf-8")
        working.replace(path)
    except OSError as error:
        why = f"the record cannot be written: {error.strerror or error}"
        raise user_error("PB6610", why, file=str(path)) from error


def _read(path: Path) -> Content:
    help_text = "make it with `paperbot baseline record`"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise user_error(
            "PB6610", "there is no record of this strategy", file=str(path), help=help_text
        ) from None
    except (OSError, ValueError) as error:
        raise user_error(
            "PB6610", f"the record cannot be read: {error}", file=str(path), help=help_text
        ) from error
    try:
        _Record.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        message = f"the file is no record of this version: `{where}`: {first['msg'].lower()}"
        raise user_error("PB6610", message, file=str(path), help=help_text) from None
    known: dict[str, Any] = content
    return known
