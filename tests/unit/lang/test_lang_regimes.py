"""The regime in expressions, and parameters that have a value for each of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from paperbot_core.config.selection import REGIMES
from paperbot_core.config.strategy import StrategyFile
from paperbot_core.config.yaml_source import parse_yaml
from paperbot_core.diagnostics import UserError
from paperbot_core.domain.market import Candles
from paperbot_core.lang.columns import Columns
from paperbot_core.lang.explain import explain
from paperbot_core.lang.regimes import regime_code, regime_name
from paperbot_core.lang.strategy import (
    CompiledStrategy,
    LiveSignals,
    batch_signals,
    compile_strategy,
)

Compile = Callable[..., CompiledStrategy]
Walk = Callable[..., Candles]

PARAMS = "params: {least: {default: 2, min: 1, max: 9, regimes: {crash: 5, calm: 1.5}}}\n"
NAN = float("nan")


def with_regime(candles: Candles, codes: list[float]) -> Candles:
    return replace(candles, regime=np.array(codes, np.float64))


def values(compiled: CompiledStrategy, candles: Candles, feature: str) -> list[float]:
    node = compiled.expressions[f"feature.{feature}"].root
    return [float(v) for v in Columns(candles).array(node)]


def test_names_and_numbers_go_together() -> None:
    assert [regime_name(regime_code(name)) for name in REGIMES] == list(REGIMES)
    assert [regime_code(name) for name in ("calm", "trend", "chop", "crash")] == [1, 2, 3, 4]
    assert regime_name(NAN) is None


def test_a_condition_is_unknown_where_the_regime_is(compile_text: Compile, walk: Walk) -> None:
    compiled = compile_text('features: {bad: regime("crash")}\nentry: {long: not bad}\n')
    candles = with_regime(walk(4), [NAN, 4.0, 3.0, NAN])
    assert values(compiled, candles, "bad") == [-1, 1, 0, -1]
    # `not unknown` is unknown: an entry that wants no crash waits until it knows.
    assert batch_signals(compiled, Columns(candles)).bits.tolist() == [0, 0, 1, 0]
    assert values(compiled, walk(2), "bad") == [-1, -1]


def test_a_parameter_has_the_value_of_the_regime(compile_text: Compile, walk: Walk) -> None:
    compiled = compile_text(
        PARAMS + "features: {x: 10 * least}\nentry: {long: close > least}\n", params={"least": 3.0}
    )
    candles = with_regime(walk(6), [1.0, 2.0, 3.0, 4.0, NAN, 4.0])
    np.testing.assert_array_equal(
        values(compiled, candles, "x"), [15.0, 30.0, 30.0, 50.0, NAN, 50.0]
    )
    assert compiled.params == {"least": 3.0}
    assert batch_signals(compiled, Columns(candles)).bits.tolist() == [1, 1, 1, 1, 0, 1]


def test_longer_bars_know_the_regime_at_their_close(compile_text: Compile, walk: Walk) -> None:
    compiled = compile_text(
        'features:\n  bad: at("4h", regime("crash"))\nentry: {long: bad}\n'
    )
    candles = with_regime(walk(8), [4, 4, 4, 1, 1, 1, 1, 4])
    assert values(compiled, candles, "bad") == [-1, -1, -1, 0, 0, 0, 0, 1]
    live = LiveSignals(compiled)
    assert [live.update(candles.bar(row)).bits for row in range(8)] == [0] * 7 + [1]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("entry: {long: {when: 'close > sma(close, least)'}}\n", "PB2123"),
        ("features: {w: least + 1}\nentry: {long: {when: 'close[least] > 1 and w > 0'}}\n",
         "PB2111"),
        ("entry: {long: close > open}\n", "PB2137"),
        ("uses: a.b\nwith: {deep: [{ratio: least}]}\n", "PB2123"),
    ],
)  # fmt: skip
def test_a_constant_cannot_depend_on_the_regime(
    compile_text: Compile, body: str, code: str
) -> None:
    size = "size: {equity_pct: 2 * least}\n" if code == "PB2137" else "size: {equity_pct: 5}\n"
    with pytest.raises(UserError) as error:
        compile_text(PARAMS + body, size=size)
    [told] = error.value.diagnostics
    assert told.code == code
    assert "`least` has `regimes`" in f"{told.message} {told.help}"


def test_a_distance_may_depend_on_the_regime(compile_text: Compile, walk: Walk) -> None:
    compiled = compile_text(
        PARAMS + "entry: {long: close > 0}\nprotect: {stop: 'least'}\n",
        size="size: {risk_pct: 1}\n",
    )
    signals = batch_signals(compiled, Columns(with_regime(walk(3), [4.0, 2.0, NAN])))
    np.testing.assert_array_equal(signals.stop, [5.0, 2.0, NAN])


def test_without_anything_that_tells_the_regime() -> None:
    text = (
        "name: x\ntimeframe: 1h\nuniverse: [core]\nsize: {equity_pct: 5}\n"
        'features:\n  bad: close > open and regime("crash")\nentry: {long: not bad}\n'
    )
    document = parse_yaml(text, "x.yaml")
    file = StrategyFile.model_validate(document.data)
    assert compile_strategy(file, places=document.places).warnings == ()
    with pytest.raises(UserError) as error:
        compile_strategy(file, places=document.places, has_regime=False)
    [told] = error.value.diagnostics
    assert told.code == "PB3011"
    assert told.span is not None
    assert (told.span.line, told.span.column) == (6, 25)


def test_the_name_cannot_be_taken(compile_text: Compile) -> None:
    with pytest.raises(UserError, match="already a function"):
        compile_text("features: {regime: close}\nentry: {long: close > open}\n")


def test_an_explanation_shows_the_value_of_the_bar(compile_text: Compile, walk: Walk) -> None:
    compiled = compile_text(PARAMS + "entry: {long: 'close > least and not regime(\"chop\")'}\n")
    columns = Columns(with_regime(walk(3), [4.0, 3.0, NAN]))
    compare, negated = explain(compiled, columns, 0)["entry.long.0"].parts
    assert compare.parts[1].text == "least"
    assert compare.parts[1].value == 5.0
    assert negated.parts[0].truth == "false"
    tree = explain(compiled, columns, 2)["entry.long.0"]
    assert (tree.truth, tree.parts[0].parts[1].truth) == ("unknown", "unknown")
