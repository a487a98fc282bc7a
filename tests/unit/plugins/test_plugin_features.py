"""Features of plugins become functions of the language only after they have passed their trial."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from paperbot_core.api import ArgKind, FeatureArg, PluginError
from paperbot_core.features.function import Function
from paperbot_core.plugins import Plugins
from paperbot_core.testing.builders import a_component, a_plugin, random_candles
from paperbot_core.testing.contracts import FeatureContract

Floats = NDArray[np.float64]
X_AND_N = (FeatureArg("x", ArgKind.SERIES), FeatureArg("n", ArgKind.WINDOW))


class Decay:
    """An exponential mean, bar by bar."""

    args: tuple[FeatureArg, ...] = X_AND_N
    inputs: tuple[str, ...] = ()
    unit: Any = None

    def warmup(self, params: Sequence[float]) -> int:
        return int(params[0]) - 1

    def init(self, params: Sequence[float]) -> Any:
        return {"alpha": 2 / (params[0] + 1), "mean": None, "left": int(params[0]) - 1}

    def update(self, state: Any, bar: Sequence[float]) -> float:
        (x,) = bar
        if math.isnan(x):
            return math.nan
        mean = state["mean"]
        state["mean"] = x if mean is None else mean + state["alpha"] * (x - mean)
        if state["left"] > 0:
            state["left"] -= 1
            return math.nan
        return float(state["mean"])


class Spread:
    """Highest high minus lowest low, as a batch that is exact."""

    args: tuple[FeatureArg, ...] = (FeatureArg("n", ArgKind.WINDOW),)
    inputs: tuple[str, ...] = ("high", "low")
    unit: Any = (1, 0)
    exact: Any = True
    work: Callable[[Floats, Floats, int], Any] | None = None

    def warmup(self, params: Sequence[float]) -> int:
        return int(params[0]) - 1

    def window(self, params: Sequence[float]) -> int:
        return int(params[0])

    def batch(self, columns: Sequence[Floats], params: Sequence[float]) -> Any:
        high, low = columns
        if self.work is not None:
            return self.work(high, low, int(params[0]))
        return spread(high, low, int(params[0]))


def spread(high: Floats, low: Floats, n: int) -> Floats:
    values = np.full(len(high), np.nan)
    for row in range(n - 1, len(high)):
        values[row] = high[row + 1 - n : row + 1].max() - low[row + 1 - n : row + 1].min()
    return values


class TestDecayContract(FeatureContract):
    PARAMS = ((1.0,), (20.0,))

    def make(self) -> Decay:
        return Decay()


class TestSpreadContract(FeatureContract):
    PARAMS = ((1.0,), (30.0,))

    def make(self) -> Spread:
        return Spread()


def tried(feature: object) -> Function:
    module = a_plugin(register_features=lambda: [a_component("alpha.beta", feature)])
    return Plugins.of({"dist-alpha": module}).functions()["alpha.beta"]


def refused(feature: object, code: str) -> str:
    with pytest.raises(PluginError) as caught:
        tried(feature)
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == code, diagnostic
    assert "`alpha.beta` of `dist-alpha 0`" in diagnostic.message
    return diagnostic.message


def test_names_are_listed_without_trying_anything() -> None:
    def explode(_: object) -> object:
        raise AssertionError("built")

    component = a_component("alpha.beta", None)
    object.__setattr__(component, "build", explode)
    table = Plugins.of({"d": a_plugin(register_features=lambda: [component])}).functions()
    assert list(table) == ["alpha.beta"]
    assert "alpha.beta" in table
    assert len(table) == 1
    assert table.get("alpha.gamma") is None


def test_the_functions_of_the_language_come_first() -> None:
    from paperbot_core.features.table import FUNCTIONS

    module = a_plugin(register_features=lambda: [a_component("alpha.beta", Spread())])
    table = Plugins.of({"d": module}).functions(FUNCTIONS)
    assert table["sma"] is FUNCTIONS["sma"]
    assert set(table) == set(FUNCTIONS) | {"alpha.beta"}
    assert table["alpha.beta"] is table["alpha.beta"]


def test_a_function_says_what_the_feature_declares() -> None:
    function = tried(Spread())
    assert function.inputs == ("high", "low")
    assert [(arg.name, arg.kind.value) for arg in function.args] == [("n", "window")]
    assert function.unit([]) == (1, 0)
    assert function.warmup([20]) == 19
    assert function.source == "dist-alpha 0"
    assert tried(Decay()).unit([(0, 1)]) == (0, 1)


@pytest.mark.parametrize(("feature", "params"), [(Decay(), [7]), (Spread(), [7])])
def test_batch_equals_bar_by_bar_over_a_restart(feature: Any, params: list[float]) -> None:
    function = tried(feature)
    candles = random_candles(90)
    columns = [candles.close] if isinstance(feature, Decay) else [candles.high, candles.low]
    batch = function.batch(columns, params)
    node = function.start(params)
    values = []
    for row in range(90):
        if row % 13 == 0:
            saved = json.loads(json.dumps(node.state()))
            node = function.start(params)
            node.restore(saved)
        values.append(node.update(*(float(column[row]) for column in columns)))
    np.testing.assert_array_equal(batch, np.array(values))


def smooth(high: Floats, low: Floats, n: int) -> Floats:
    """An endless memory: the exponential mean of the whole history."""
    values, mean = np.full(len(high), np.nan), 0.0
    for row, x in enumerate((high - low).tolist()):
        mean = x if row == 0 or math.isnan(mean) else mean + 0.02 * (x - mean)
        values[row] = mean
    values[: n - 1] = np.nan
    return values


def running(high: Floats, low: Floats, n: int) -> Floats:
    """A running sum: right within rounding, but not to the bit."""
    sums = np.concatenate(([0.0], np.cumsum(np.nan_to_num(high - low))))
    values = np.full(len(high), np.nan)
    values[n - 1 :] = (sums[n:] - sums[:-n]) / n
    return values


@pytest.mark.parametrize(
    ("work", "code"),
    [
        (lambda h, lo, n: (h - lo) / np.nanmean(h), "PB5020"),
        (lambda h, lo, n: np.append(spread(h, lo, n)[1:], 1.0), "PB5020"),
        (lambda h, lo, n: np.convolve(h, np.ones(3) / 3, "same"), "PB5020"),
        (smooth, "PB5021"),
        (running, "PB5021"),
        (lambda h, lo, n: h + np.random.default_rng().normal(size=len(h)), "PB5021"),
        (lambda h, lo, n: spread(h, lo, n)[1:], "PB5022"),
        (lambda h, lo, n: spread(h, lo, n).tolist(), "PB5022"),
        (lambda h, lo, n: h > lo, "PB5022"),
        (lambda h, lo, n: h.astype(np.float32), "PB5022"),
        (lambda h, lo, n: np.stack([h, lo]), "PB5022"),
        (lambda h, lo, n: None, "PB5022"),
        (lambda h, lo, n: 1 / 0, "PB5023"),
        (lambda h, lo, n: exit(3), "PB5023"),
        (lambda h, lo, n: spread(h, lo, n + 3), "PB5021"),
        (lambda h, lo, n: h * np.nan, "PB5024"),
    ],
)
def test_a_feature_that_lies_is_refused_by_name(work: Any, code: str) -> None:
    feature = Spread()
    feature.work = work
    refused(feature, code)


def test_running_sums_are_fine_without_the_promise() -> None:
    feature = Spread()
    feature.work, feature.exact = running, False
    function = tried(feature)
    candles = random_candles(60)
    columns = [candles.high, candles.low]
    node = function.start([9])
    values = [node.update(*row) for row in zip(*(c.tolist() for c in columns), strict=True)]
    np.testing.assert_array_equal(function.batch(columns, [9]), np.array(values))


def test_a_plugin_cannot_change_the_columns_of_others() -> None:
    def spoil(high: Floats, low: Floats, n: int) -> Floats:
        values = spread(high, low, n)
        high[:] = 0.0
        return values

    feature = Spread()
    feature.work = spoil
    candles = random_candles(60)
    before = candles.high.copy()
    tried(feature).batch([candles.high, candles.low], [5])
    np.testing.assert_array_equal(candles.high, before)


def test_infinities_become_unknown() -> None:
    class Loud(Decay):
        def update(self, state: Any, bar: Sequence[float]) -> float:
            value = super().update(state, bar)
            return math.inf if value > 100 else value

    values = tried(Loud()).batch([np.array([90.0, 101.0, 500.0])], [1])
    np.testing.assert_array_equal(values, [90.0, math.nan, math.nan])


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"inputs": ("midnight",)}, "PB5024"),
        ({"unit": "price"}, "PB5024"),
        ({"unit": None}, "PB5024"),
        ({"args": ("n",)}, "PB5024"),
        ({"args": (FeatureArg("n", ArgKind.WINDOW, "5"),)}, "PB5024"),
        ({"args": (FeatureArg("n", ArgKind.WINDOW, trial=90_000.0),)}, "PB5024"),
        ({"args": (FeatureArg("x", ArgKind.SERIES, "close"), *Spread.args)}, "PB5024"),
        ({"inputs": ()}, "PB5024"),
        ({"warmup": lambda params: -1}, "PB5024"),
        ({"warmup": lambda params: 2.5}, "PB5024"),
        ({"window": lambda params: 2}, "PB5024"),
        ({"window": lambda params: 10**9}, "PB5024"),
        ({"warmup": lambda params: 1 / 0}, "PB5023"),
        ({"exact": "yes"}, "PB5024"),
    ],
)
def test_declarations_must_make_sense(changes: dict[str, Any], code: str) -> None:
    members = {k: staticmethod(v) if callable(v) else v for k, v in changes.items()}
    refused(type("Odd", (Spread,), members)(), code)


class Forgetful(Decay):
    """Keeps something outside its state."""

    def __init__(self) -> None:
        self.seen = 0

    def update(self, state: Any, bar: Sequence[float]) -> float:
        self.seen += 1
        return super().update(state, bar) + self.seen


class Sets(Decay):
    def init(self, params: Sequence[float]) -> Any:
        return super().init(params) | {"extra": {1, 2}}


class Keys(Decay):
    def init(self, params: Sequence[float]) -> Any:
        return super().init(params) | {"by_number": {1: 0.0}}

    def update(self, state: Any, bar: Sequence[float]) -> float:
        return super().update(state, bar) + float(state["by_number"][1])


class Texts(Decay):
    def update(self, state: Any, bar: Sequence[float]) -> Any:
        return str(super().update(state, bar))


@pytest.mark.parametrize(
    ("feature", "codes"),
    [(Forgetful, {"PB5021"}), (Sets, {"PB5025"}), (Keys, {"PB5023"}), (Texts, {"PB5022"})],
)
def test_a_recurrence_that_lies_is_refused(feature: type[Decay], codes: set[str]) -> None:
    with pytest.raises(PluginError) as caught:
        tried(feature())
    assert {d.code for d in caught.value.diagnostics} == codes


def test_what_goes_wrong_later_is_named_too() -> None:
    class Late(Decay):
        def update(self, state: Any, bar: Sequence[float]) -> float:
            if bar[0] > 1e6:
                raise ValueError("too high")
            return super().update(state, bar)

    with pytest.raises(PluginError, match=r"PB5023.*`dist-alpha 0`.*too high"):
        tried(Late()).batch([np.array([1.0, 2e6])], [1])
