"""Every mistake has its own code, points at its own characters and is told once."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperbot_core.diagnostics import Severity, UserError
from paperbot_core.diagnostics.codes import CODES
from paperbot_core.domain.market import HOUR_MS
from paperbot_core.features.table import FUNCTIONS
from paperbot_core.lang.graph import Graph
from paperbot_core.lang.lower import Lowering
from paperbot_core.lang.scope import Scope
from paperbot_core.lang.strategy import CompiledStrategy

Compile = Callable[..., CompiledStrategy]

#: Expression, code, the characters pointed at, and words of message, expectation and help.
EXPRESSIONS = [
    ("", "PB2101", "", "empty"),
    ("close >", "PB2101", ">", "ends too early"),
    ("(close > open", "PB2101", "(", "never closed"),
    ("close > open)", "PB2101", ")", "`)`"),
    ("close = open", "PB2101", "=", "`==`"),
    ("close open", "PB2101", "open", "an operator"),
    ("rsi(14, timeframe=4h) > 1", "PB2101", "4h", '`"4h"`'),
    ("sma(close 3) > 1", "PB2101", "3", "`,`"),
    ("sma(n=3, close) > 1", "PB2101", "close", "before named ones"),
    ("close ** 2 > 1", "PB2102", "**", "x * x"),
    ("close > 1 && open > 1", "PB2102", "&&", "`and`"),
    ("close if open else low", "PB2102", "if", "where("),
    ("close.real > 1", "PB2102", "close.real", "plugin"),
    ("True", "PB2102", "True", "1 > 0"),
    ("x" * 4097, "PB2103", "x" * 4097, "4,097 characters"),
    ("(" * 65 + "1" + ")" * 65 + " > 0", "PB2103", "1", "64"),
    ("close \u2265 open", "PB2104", "\u2265", "ASCII"),
    ("volume > 1e999", "PB2105", "1e999", "too large"),
    ('close > "open"', "PB2106", '"open"', "timeframe"),
    ("close[-1] > open", "PB2110", "-1", "ahead"),
    ("close[0 - p] > open", "PB2110", "0 - p", "ahead"),
    ("close[1.5] > open", "PB2111", "1.5", "whole number"),
    ("close[hour] > open", "PB2111", "hour", "bar to bar"),
    ("close[100001] > open", "PB2111", "100001", "100,000"),
    ("clsoe > open", "PB2120", "clsoe", "did you mean `close`?"),
    ("close > uper", "PB2120", "uper", "did you mean `upper`?"),
    ("smaa(close, 3) > 1", "PB2121", "smaa", "did you mean `sma`?"),
    ("close(3) > 1", "PB2121", "close", "`close[n]`"),
    ("sma > 1", "PB2121", "sma", "sma(x, n)"),
    ("at > 1", "PB2121", "at", '`at("4h", x)`'),
    ("sma(close) > 1", "PB2122", "sma(close)", "needs `n`"),
    ("sma(close, 3, 4) > 1", "PB2122", "4", "no argument here"),
    ("sma(close, m=3) > 1", "PB2122", "m=3", "no argument `m`"),
    ("sma(close, 3, n=3) > 1", "PB2122", "n=3", "given twice"),
    ('at("4h") > 1', "PB2122", 'at("4h")', "`at("),
    ("sma(close, hour) > 1", "PB2123", "hour", "sma(x, n)"),
    ('regime("krash")', "PB2125", '"krash"', "did you mean `crash`?"),
    ("regime(crash)", "PB2125", "crash", "did you mean `crash`?"),
    ("regime(1)", "PB2125", "1", '`"calm"`, `"trend"`, `"chop"`, `"crash"`'),
    ("regime()", "PB2122", "regime()", 'regime("crash")'),
    ("regime == 1", "PB2121", "regime", 'regime("crash")'),
    ('regmie("crash")', "PB2121", "regmie", "did you mean `regime`?"),
    ('regime("crash") > 0', "PB2131", 'regime("crash")', "condition"),
    ("rsi(close, 14) > 1", "PB2123", "close", "rsi(n, x=close)"),
    ("sma(close, 0) > 1", "PB2124", "0", "1 to 100,000"),
    ("sma(close, p + 0.5) > 1", "PB2124", "p + 0.5", "3.5"),
    ("not close", "PB2130", "close", "x > 0"),
    ("close > open and volume", "PB2130", "volume", "condition"),
    ("count(close, 3) > 1", "PB2130", "close", "condition"),
    ("(close > open) + 1 > 0", "PB2131", "close > open", "where("),
    ("(close > open) == 1", "PB2131", "close > open", "number"),
    ("close > volume", "PB2132", "close > volume", "price"),
    ("close + volume > 1", "PB2132", "close + volume", "cannot add"),
    ("open < close < hour", "PB2132", "open < close < hour", "ratio"),
    ("min(close, volume) > 1", "PB2132", "min(close, volume)", "volume"),
    ("log(close) > 1", "PB2132", "log(close)", "price"),
    ("sqrt(close) > 1", "PB2132", "sqrt(close)", "root"),
    ("obv() > close", "PB2132", "obv() > close", "volume"),
    ("close > 1 / 0", "PB2135", "1 / 0", "no value"),
    ("close > log(0 - 1)", "PB2135", "log(0 - 1)", "no value"),
    ('rsi(14, timeframe="4H") > 1', "PB2140", '"4H"', "4h"),
    ("at(4, close) > 1", "PB2140", "4", "quoted"),
    ('at("15m", close) > 1', "PB2141", '"15m"', "below the strategy's own, `1h`"),
    ('at("90m", close) > 1', "PB2141", '"90m"', "multiple"),
    ('at("1d", close + at("4h", close)) > 1', "PB2141", '"4h"', "the one around it, `1d`"),
]


def problems(text: str) -> list[tuple[str, str, str]]:
    lowering = Lowering(
        Scope(HOUR_MS, FUNCTIONS, {"p": 3.0}, {"upper": "highest(high, 9)"}), Graph()
    )
    lowering.expression(("when",), text)
    return [
        (p.code, text[p.start : p.end], f"{p.message} {p.expected} {p.help}")
        for _, p in lowering.problems
    ]


@pytest.mark.parametrize(("text", "code", "where", "words"), EXPRESSIONS)
def test_a_mistake_in_an_expression(text: str, code: str, where: str, words: str) -> None:
    found = problems(text)
    assert [(c, w) for c, w, _ in found] == [(code, where)]
    assert words in found[0][2]


def test_all_mistakes_of_an_expression_are_told() -> None:
    assert [(c, w) for c, w, _ in problems("clsoe > opne and volume or sma(hihg, 3) > 1")] == [
        ("PB2120", "clsoe"), ("PB2120", "opne"), ("PB2130", "volume"), ("PB2120", "hihg"),
    ]  # fmt: skip


ENTRY = "entry: {long: {when: close > open}}\n"
STOP = "protect: {stop: 2 * atr(14)}\n"

#: Body of a strategy, code, line and column, words. The head has 4 lines.
STRATEGIES = [
    ("entry: {long: close}\n", "PB2130", (5, 15), "condition"),
    (ENTRY + "protect: {stop: close > open}\n", "PB2131", (6, 17), "number"),
    (ENTRY + "protect: {stop: rsi(14)}\n", "PB2134", (6, 17), "ratio"),
    ("entry: {long: {when: close > open, strength: close}}\n", "PB2134", (5, 46), "price"),
    ("entry: {long: {when: close > open, limit: volume}}\n", "PB2134", (5, 43), "volume"),
    (ENTRY + "protect: {stop: 0}\n", "PB2136", (6, 17), "above 0"),
    ("params: {close: {default: 1, min: 1, max: 1}}\n" + ENTRY, "PB2150", (5, 17), "a series"),
    ("features: {sma: close}\n" + ENTRY, "PB2150", (5, 17), "a function"),
    ("features: {if: close}\n" + ENTRY, "PB2150", (5, 16), "a word"),
    ("params: {a: {default: 1, min: 1, max: 1}}\nfeatures: {a: close}\n" + ENTRY,
     "PB2150", (6, 15), "a parameter"),
    ("features:\n  a: b + 1\n  b: a - 1\n" + ENTRY, "PB2151", (6, 6), "depends on itself"),
    ("features:\n  a: a[1] + 1\n" + ENTRY, "PB2151", (6, 6), "depends on itself"),
    (ENTRY + "protect: {trail: {distance: atr(3)}}\n", "PB2160", (6, 18), "`protect.stop`"),
    (ENTRY + "protect: {breakeven_after_r: 1}\n", "PB2160", (6, 30), "R"),
    (ENTRY + "protect: {take_profit: [{at_r: 1, fraction: 1}]}\n", "PB2160", (6, 24), "R"),
    (ENTRY + "pyramid: [{at_r: 1, add: 1}]\n", "PB2160", (6, 10), "R"),
    (ENTRY + "exit: {long: {when: close < open, min_r: 1}}\n", "PB2160", (6, 42), "`min_r`"),
    (ENTRY + "protect:\n  stop: atr(3)\n  take_profit:\n"
     "    - {at_r: 1, fraction: 0.7}\n    - {at_r: 2, fraction: 0.7}\n", "PB2162", (8, 3), "1.4"),
    (ENTRY + STOP + "pyramid: [{at_r: 2, add: 1}, {at_r: 2, add: 1}]\n",
     "PB2163", (7, 37), "ascending"),
    ("entry: {long: {when: close > open, limit_bars: 3}}\n", "PB2164", (5, 48), "`limit`"),
    ("exit: {long: close < open}\n", "PB2165", (1, 1), "never enters"),
    (ENTRY + "uses: a.b\n", "PB2165", (5, 8), "plugin"),
    (ENTRY + "with: {a: 1}\n", "PB2165", (6, 7), "uses"),
    (ENTRY + STOP + "exit: {long: {when: close < open, min_r: 2, max_r: 1}}\n",
     "PB2167", (7, 42), "above `max_r`"),
    ('entry: {long: {when: close > open, reason: "a {close"}}\n', "PB2168", (5, 47), "{{"),
    ('entry: {long: {when: close > open, reason: "a } b"}}\n', "PB2168", (5, 47), "}}"),
    ('entry: {long: {when: close > open, reason: "at {clsoe}"}}\n', "PB2120", (5, 49), "close"),
]  # fmt: skip

SIZES = [
    ("size: {equity_pct: 5, risk_pct: 1, per: atr(3)}\n", "PB2161", (4, 33), "two sizes"),
    ("size: {per: atr(3)}\n", "PB2161", (4, 7), "nothing"),
    ("size: {equity_pct: 5, per: atr(3)}\n", "PB2161", (4, 28), "no effect"),
    ("size: {risk_pct: 1}\n", "PB2160", (4, 18), "distance"),
    ("size: {equity_pct: rsi(14)}\n", "PB2137", (4, 20), "bar to bar"),
    ("size: {equity_pct: p - 3}\n", "PB2137", (4, 20), "cannot be 0"),
]


def told(error: pytest.ExceptionInfo[UserError]) -> list[tuple[str, tuple[int, int]]]:
    spans = [(d.code, d.span) for d in error.value.diagnostics]
    return [(code, (span.line, span.column)) for code, span in spans if span is not None]


@pytest.mark.parametrize(("body", "code", "place", "words"), STRATEGIES)
def test_a_mistake_in_a_strategy(
    compile_text: Compile,
    body: str,
    code: str,
    place: tuple[int, int],
    words: str,
) -> None:
    with pytest.raises(UserError) as error:
        compile_text(body)
    assert (code, place) in told(error)
    assert {c for c, _ in told(error)} == {code}
    first = error.value.diagnostics[0]
    assert any(words in f"{d.message} {d.expected} {d.help}" for d in error.value.diagnostics)
    assert first.span is not None
    assert first.span.file == "test.yaml"


@pytest.mark.parametrize(("size", "code", "place", "words"), SIZES)
def test_a_mistake_in_the_size(
    compile_text: Compile,
    size: str,
    code: str,
    place: tuple[int, int],
    words: str,
) -> None:
    with pytest.raises(UserError) as error:
        compile_text("params: {p: {default: 3, min: 1, max: 5}}\n" + ENTRY, size=size)
    assert told(error) == [(code, place)]
    assert words in str(error.value) + error.value.diagnostics[0].expected


def test_everything_is_told_at_once(compile_text: Compile) -> None:
    with pytest.raises(UserError) as error:
        compile_text(
            "features:\n  up: highest(hgih, 3)\n  down: lowest(low)\n"
            "entry: {long: {when: close > up and clsoe > 1}}\n"
            "protect: {trail: {distance: volume}}\n",
            params={"x": 1.0},
        )
    codes = [d.code for d in error.value.diagnostics]
    assert sorted(codes) == ["PB2120", "PB2120", "PB2122", "PB2134", "PB2155", "PB2160"]


def test_a_parameter_outside_its_range(compile_text: Compile) -> None:
    body = "params: {n: {default: 3, min: 1, max: 5}}\n" + ENTRY
    with pytest.raises(UserError) as error:
        compile_text(body, params={"n": 6.0})
    assert told(error) == [("PB2154", (5, 13))]
    with pytest.raises(UserError, match="PB2155"):
        compile_text(body, params={"m": 2.0})
    with pytest.raises(UserError, match="PB2154"):
        compile_text(body, params={"n": float("nan")})


def test_an_exit_that_never_acts_is_a_warning(
    compile_text: Compile,
) -> None:
    compiled = compile_text(ENTRY + "exit: {short: close > open}\n")
    assert [(d.code, d.severity) for d in compiled.warnings] == [("PB2166", Severity.WARNING)]


def test_every_code_of_the_language_is_tested_here() -> None:
    tested = {row[1] for table in (EXPRESSIONS, STRATEGIES, SIZES) for row in table}
    tested |= {"PB2154", "PB2155", "PB2166", "PB2401"}
    # Modes (PB217x) are read with the file: their cases are in tests/golden/bad.
    ours = {code for code in CODES if "PB2100" <= code < "PB2500" and code[:5] != "PB217"}
    assert tested == ours


def test_a_long_chain_of_features_at_longer_and_longer_timeframes_is_fine(
    compile_text: Compile,
) -> None:
    chain = "".join(f'  f{k}: at("{2 ** (k // 20 + 1)}h", f{k + 1})\n' for k in range(200))
    compiled = compile_text(f"features:\n{chain}  f200: close\nentry: {{long: f0 > 1}}\n")
    assert len(compiled.graph) < 5_000


@given(st.lists(st.tuples(st.integers(0, 29), st.integers(0, 29), st.integers(0, 3)), max_size=30))
def test_features_in_any_tangle_end_in_diagnostics(links: list[tuple[int, int, int]]) -> None:
    features = {
        f"f{k}": f'at("{2**frame}h", f{left % len(links)}) + f{right % len(links)}'
        for k, (left, right, frame) in enumerate(links)
    }
    lowering = Lowering(Scope(HOUR_MS, FUNCTIONS, {}, features), Graph())
    for name in features:
        lowering.feature(name)
    # Everyone reads someone, so there is a circle; some read short bars from inside long ones.
    codes = {problem.code for _, problem in lowering.problems}
    assert codes <= {"PB2141", "PB2151"}
    assert ("PB2151" in codes) == bool(links)


def test_a_long_chain_of_features_is_fine(compile_text: Compile) -> None:
    lines = "".join(f"  f{k}: f{k + 1} + {k}\n" for k in range(200))
    compiled = compile_text(f"features:\n{lines}  f200: close\nentry: {{long: f0 > 1}}\n")
    assert compiled.warmup == 0
