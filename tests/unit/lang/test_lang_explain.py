"""The tree behind a rule: values and truth of every part on one bar, ready for JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict

import numpy as np

from paperbot_core.domain.market import Candles
from paperbot_core.lang.columns import Columns
from paperbot_core.lang.explain import Explained, explain
from paperbot_core.lang.strategy import CompiledStrategy

Compile = Callable[..., CompiledStrategy]
Walk = Callable[..., Candles]

BODY = """
params:
  n: {default: 5, min: 2, max: 9}
features:
  top: highest(high, n)
entry:
  long: close > top[1] and not (volume < sma(volume, 50))
exit:
  long: rsi(3, timeframe="4h") < 20 or at("4h", close < top)
"""


def lines(tree: Explained, depth: int = 0) -> list[str]:
    own = f"{'  ' * depth}{tree.text}: {tree.truth or tree.kind}"
    return [own, *(line for part in tree.parts for line in lines(part, depth + 1))]


def test_the_tree_follows_the_text_and_the_features(compile_text: Compile, walk: Walk) -> None:
    compiled = compile_text(BODY)
    candles = walk(80)
    columns = Columns(candles)
    trees = explain(compiled, columns, 70)
    assert lines(trees["entry.long.0"])[1:] == [
        f"  close > top[1]: {'true' if candles.close[70] > candles.high[65:70].max() else 'false'}",
        "    close: number",
        "    top[1]: number",
        "      top: number",
        "        highest(high, n): number",
        "          high: number",
        "          n: number",
        f"  not (volume < sma(volume, 50)): {lines(trees['entry.long.0'])[8].split(': ')[1]}",
        f"    volume < sma(volume, 50): {lines(trees['entry.long.0'])[9].split(': ')[1]}",
        "      volume: number",
        "      sma(volume, 50): number",
        "        volume: number",
    ]
    top = trees["entry.long.0"].parts[0].parts[1]
    assert top.value == top.parts[0].value == candles.high[65:70].max()
    assert (top.unit, top.timeframe) == ("price", "")
    assert top.parts[0].parts[0].parts[0].value == candles.high[69]


def test_longer_timeframes_show_their_last_closed_bar(compile_text: Compile, walk: Walk) -> None:
    compiled = compile_text(BODY)
    candles = walk(80)
    trees = explain(compiled, Columns(candles), 70)
    aligned = trees["exit.long.0"].parts[1]
    close = aligned.parts[0].parts[0]
    assert (close.text, close.timeframe, close.value) == ("close", "4h", candles.close[67])
    assert aligned.parts[0].timeframe == "4h"


def test_not_ready_is_told_from_unknown(compile_text: Compile, walk: Walk) -> None:
    compiled = compile_text(BODY)
    candles = walk(80)
    candles.volume[60] = np.nan
    columns = Columns(candles)
    assert explain(compiled, columns, 10)["entry.long.0"].truth == "not ready"
    assert explain(compiled, columns, 60)["entry.long.0"].truth == "unknown"
    assert explain(compiled, columns, 0)["entry.long.0"].parts[0].parts[1].truth == "not ready"
    assert explain(compiled, columns, 3)["exit.long.0"].parts[0].parts[0].value is None


def test_a_tree_is_json(compile_text: Compile, walk: Walk) -> None:
    trees = explain(compile_text(BODY), Columns(walk(80)), 1)
    assert json.loads(
        json.dumps({name: asdict(tree) for name, tree in trees.items()}, allow_nan=False)
    )
