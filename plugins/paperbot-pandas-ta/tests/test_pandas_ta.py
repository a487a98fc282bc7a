"""Every indicator passes the trial of the core and is what the library computes."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import paperbot_pandas_ta
import pytest
from paperbot_pandas_ta.table import INDICATORS

from paperbot_core.api import ArgKind
from paperbot_core.testing.builders import plugins_of, random_candles
from paperbot_core.testing.contracts import FeatureContract

if TYPE_CHECKING:
    from paperbot_pandas_ta.indicator import Indicator

README = Path(paperbot_pandas_ta.__file__).parents[1] / "README.md"


@pytest.mark.parametrize("indicator", INDICATORS, ids=lambda i: str(i.name))
@pytest.mark.parametrize("others", [False, True], ids=["trial", "others"])
def test_every_indicator_passes_the_trial_of_the_core(indicator: Indicator, others: bool) -> None:
    count = len(_constants(indicator))

    class Contract(FeatureContract):
        NAME = f"pandas_ta.{indicator.name}"
        PARAMS = ((10.0, 14.0, 20.0)[-count:],) if count else ()

        def make(self) -> Indicator:
            return indicator

    if others:
        Contract().test_it_passes_the_trial_with_other_parameters()
    else:
        Contract().test_it_passes_the_trial_of_the_core()


def _constants(indicator: Indicator) -> list[str]:
    return [arg.name for arg in indicator.args if arg.kind is not ArgKind.SERIES]


def test_there_are_many_and_the_library_is_named() -> None:
    plugins = plugins_of({"paperbot-pandas-ta": paperbot_pandas_ta})
    names = plugins.names("feature")
    assert len(names) >= 20
    library = f"pandas-ta-classic {version('pandas-ta-classic')}"
    assert all(library in plugins.component("feature", name).summary for name in names)


def test_the_values_are_those_of_the_library() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pandas as pd
        import pandas_ta_classic as ta

        table = plugins_of({"p": paperbot_pandas_ta}).functions()
        candles = random_candles(120)
        series = {name: pd.Series(getattr(candles, name)) for name in ("high", "low", "close")}
        expected = {
            "willr": ta.willr(
                series["high"], series["low"], series["close"], length=9, talib=False
            ),
            "aroon_up": ta.aroon(series["high"], series["low"], length=9, talib=False)["AROONU_9"],
        }
        for name, values in expected.items():
            function = table[f"pandas_ta.{name}"]
            got = function.batch([getattr(candles, i) for i in function.inputs], [9])
            np.testing.assert_array_equal(got, values.to_numpy(float))
        rsi = table["pandas_ta.rsi"].batch([candles.close], [5])
        whole = ta.rsi(series["close"], length=5, talib=False).to_numpy(float)
        np.testing.assert_allclose(rsi, whole, rtol=1e-9, atol=1e-9)


def test_the_library_is_chosen_by_the_user_never_silently(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAPERBOT_PANDAS_TA", "talipp")
    (problem,) = plugins_of({"p": paperbot_pandas_ta}).problems()
    assert "not one of pandas-ta-classic, pandas-ta" in problem.message
    monkeypatch.setenv("PAPERBOT_PANDAS_TA", "pandas-ta")
    try:
        version("pandas-ta")
    except PackageNotFoundError:
        (problem,) = plugins_of({"p": paperbot_pandas_ta}).problems()
        assert "pandas-ta" in problem.message


def test_listing_plugins_does_not_load_pandas() -> None:
    code = (
        "import sys, paperbot_pandas_ta as p\np.register_features()\n"
        "assert 'pandas' not in sys.modules, 'loaded'"
    )
    env: dict[str, Any] = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", code], env=env, check=True)


def test_every_indicator_is_in_the_readme() -> None:
    text = README.read_text()
    missing = [i.name for i in INDICATORS if f"`{signature(i)}`" not in text]
    assert missing == [], "\n".join(f"| `{signature(i)}` | {i.title} |" for i in INDICATORS)


def signature(indicator: Indicator) -> str:
    shown = [a.name if a.default is None else f"{a.name}={a.default}" for a in indicator.args]
    return f"pandas_ta.{indicator.name}({', '.join(shown)})"
