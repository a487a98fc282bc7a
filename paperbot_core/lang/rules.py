"""What the keys of a strategy must say together, whatever its expressions compute."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from paperbot_core.config.strategy import ExitRule, StrategyFile
from paperbot_core.diagnostics import Severity
from paperbot_core.features.function import Function
from paperbot_core.lang.problem import Problem
from paperbot_core.lang.scope import Path
from paperbot_core.lang.series import SERIES
from paperbot_core.lang.tokens import REFUSED_WORDS, WORDS

#: A problem, where it stands, and how much it matters.
Finding = tuple[Path, Problem, Severity]

_STOP_HELP = "give `protect.stop` a distance, such as `2 * atr(14)`"


def findings(file: StrategyFile, functions: Mapping[str, Function]) -> Iterator[Finding]:
    """Yield everything that is wrong with the file as a whole."""
    for check in (_parts, _options, _size, _without_stop, _ladder, _limits, _exits):
        yield from check(file)
    yield from _names(file, functions)


def _error(path: Path, code: str, message: str, expected: str = "", help: str = "") -> Finding:
    return path, Problem(code, message, 0, 0, expected, help), Severity.ERROR


def _names(file: StrategyFile, functions: Mapping[str, Function]) -> Iterator[Finding]:
    plugins = {name.split(".")[0] for name in functions if "." in name}
    for section, names in (("params", file.params), ("features", file.features)):
        for name in names:
            if name in SERIES:
                taken = "a series"
            elif name in functions or name in {"at", "regime"}:
                taken = "a function"
            elif name in plugins:
                taken = "a plugin"
            elif name in WORDS or name in REFUSED_WORDS or name == "timeframe":
                taken = "a word of the language"
            elif section == "features" and name in file.params:
                taken = "a parameter"
            else:
                continue
            yield _error(
                (section, name), "PB2150", f"`{name}` is already {taken}", "a name of its own"
            )


def _parts(file: StrategyFile) -> Iterator[Finding]:
    has_rules = file.entry is not None or file.exit is not None
    if file.uses is not None and has_rules:
        where: Path = ("entry",) if file.entry is not None else ("exit",)
        yield _error(
            where,
            "PB2165",
            "a strategy that `uses` a plugin has no rules of its own",
            "either `uses`, or `entry` and `exit`",
        )
    if file.uses is None:
        if file.entry is None or not (file.entry.long or file.entry.short):
            yield _error(
                () if file.entry is None else ("entry",),
                "PB2165",
                "the strategy never enters",
                "`entry.long`, `entry.short` or `uses`",
            )
        if file.with_:
            yield _error(
                ("with",), "PB2165", "`with` has options for nothing", "`uses: plugin.name`"
            )


def _options(file: StrategyFile) -> Iterator[Finding]:
    """Options are read once, before the first bar: a parameter with `regimes` is no constant."""
    inside: list[tuple[Path, object]] = [(("with",), file.with_)]
    while inside:
        path, value = inside.pop(0)
        if isinstance(value, dict):
            inside += [((*path, key), inner) for key, inner in value.items()]
        elif isinstance(value, list):
            inside += [((*path, place), inner) for place, inner in enumerate(value)]
        elif isinstance(value, str) and value in file.params and file.params[value].regimes:
            yield _error(
                path,
                "PB2123",
                f"`{value}` has `regimes`, and an option must not change from bar to bar",
                "a number or a parameter without `regimes`",
                "a plugin may take a number by regime: `{default: 1.5, crash: 3}`",
            )


def _size(file: StrategyFile) -> Iterator[Finding]:
    size = file.size
    if size.equity_pct is not None and size.risk_pct is not None:
        yield _error(
            ("size", "risk_pct"), "PB2161", "two sizes: `equity_pct` and `risk_pct`", "one of them"
        )
    if size.equity_pct is None and size.risk_pct is None:
        yield _error(("size",), "PB2161", "the size says nothing", "`equity_pct` or `risk_pct`")
    if size.per is not None and size.equity_pct is not None and size.risk_pct is None:
        yield _error(
            ("size", "per"),
            "PB2161",
            "`per` has no effect without `risk_pct`",
            "`risk_pct` with `per`, or `equity_pct` alone",
        )


def _without_stop(file: StrategyFile) -> Iterator[Finding]:
    """Without a stop there is no R, and everything that counts in R means nothing."""
    protect = file.protect
    if protect.stop is not None:
        return
    asked: list[tuple[Path, str]] = []
    if protect.trail is not None:
        asked.append((("protect", "trail"), "`trail`"))
    if protect.breakeven_after_r is not None:
        asked.append((("protect", "breakeven_after_r"), "`breakeven_after_r`"))
    if protect.take_profit:
        asked.append((("protect", "take_profit"), "`take_profit`"))
    if file.pyramid:
        asked.append((("pyramid",), "`pyramid`"))
    for path, rule in _exit_rules(file):
        asked += [
            ((*path, key), f"`{key}`")
            for key in ("min_r", "max_r")
            if getattr(rule, key) is not None
        ]
    for path, what in asked:
        yield _error(
            path,
            "PB2160",
            f"{what} counts in R, and without a stop there is no R",
            "`protect.stop`",
            _STOP_HELP,
        )
    if file.size.risk_pct is not None and file.size.per is None:
        yield _error(
            ("size", "risk_pct"),
            "PB2160",
            "`risk_pct` needs a distance to lose it at",
            "`size.per` or `protect.stop`",
            _STOP_HELP,
        )


def _ladder(file: StrategyFile) -> Iterator[Finding]:
    rungs = file.protect.take_profit
    total = 0.0
    for rung in rungs:
        total += rung.fraction
    if total > 1.0 + 1e-9:
        yield _error(
            ("protect", "take_profit"),
            "PB2162",
            f"the fractions of the ladder add up to {total:g}",
            "at most 1",
        )
    yield from _ascending(("protect", "take_profit"), [rung.at_r for rung in rungs])
    yield from _ascending(("pyramid",), [level.at_r for level in file.pyramid])


def _ascending(path: Path, levels: Sequence[float]) -> Iterator[Finding]:
    for place in range(1, len(levels)):
        if levels[place] <= levels[place - 1]:
            yield _error(
                (*path, place, "at_r"),
                "PB2163",
                f"the level {levels[place]:g} does not come after {levels[place - 1]:g}",
                "ascending levels",
            )


def _limits(file: StrategyFile) -> Iterator[Finding]:
    if file.entry is None:
        return
    for side, rules in (("long", file.entry.long), ("short", file.entry.short)):
        for place, rule in enumerate(rules or ()):
            if rule.limit is None and "limit_bars" in rule.model_fields_set:
                yield _error(
                    ("entry", side, place, "limit_bars"),
                    "PB2164",
                    "`limit_bars` has no effect without `limit`",
                    "`limit: a price`",
                )


def _exit_rules(file: StrategyFile) -> Iterator[tuple[Path, ExitRule]]:
    if file.exit is not None:
        for side, rules in (("long", file.exit.long), ("short", file.exit.short)):
            for place, rule in enumerate(rules or ()):
                yield ("exit", side, place), rule


def _exits(file: StrategyFile) -> Iterator[Finding]:
    for path, rule in _exit_rules(file):
        if rule.min_r is not None and rule.max_r is not None and rule.min_r > rule.max_r:
            yield _error(
                (*path, "min_r"),
                "PB2167",
                f"`min_r` ({rule.min_r:g}) is above `max_r` ({rule.max_r:g})",
                "at most `max_r`",
            )
    if file.entry is None or file.exit is None:
        return
    for side in ("long", "short"):
        if getattr(file.exit, side) and not getattr(file.entry, side):
            message = f"there is an exit for a {side} that is never entered"
            help_text = f"add `entry.{side}` or remove the exit"
            problem = Problem("PB2166", message, 0, 0, help=help_text)
            yield ("exit", side), problem, Severity.WARNING
