"""Finding, isolating and registering plugins."""

from __future__ import annotations

import sys
import time
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from paperbot_core.api import Component, Notice, PluginError, StrictModel, UserError, hookimpl
from paperbot_core.diagnostics import Span
from paperbot_core.plugins import PluginRow, Plugins
from paperbot_core.testing.builders import a_component, a_plugin


class NoteOptions(StrictModel):
    colour: str = "blue"
    size: int = 1


class Silent:
    async def notify(self, notice: Notice) -> None:
        return None


def component(name: str, config: Any = NoteOptions) -> Any:
    return a_component(name, Silent(), config)


def notifier_plugin(*names: str) -> Any:
    return a_plugin(register_notifiers=lambda: [component(name) for name in names])


class FakeDistribution:
    """What importlib.metadata tells of an installed distribution."""

    def __init__(self, name: str, version: str) -> None:
        self.name = name
        self.version = version


def point(name: str, value: str, distribution: str = "") -> EntryPoint:
    made = EntryPoint(name, value, "paperbot")
    if distribution:
        vars(made)["dist"] = FakeDistribution(distribution, "1.2")
    return made


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that writes an importable module and gives its entry point."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def make(name: str, source: str) -> EntryPoint:
        (tmp_path / f"{name}.py").write_text(source)
        monkeypatch.delitem(sys.modules, name, raising=False)
        return point(name, name, f"dist-{name}")

    return make


MARKED = "from paperbot_core.api import hookimpl\n@hookimpl\n"
GOOD = """
from paperbot_core.api import Component, NoOptions, hookimpl

class Silent:
    async def notify(self, notice):
        return None

@hookimpl
def register_notifiers():
    return [Component("{name}", NoOptions, lambda _: Silent(), "says nothing")]
"""


def load(*points: EntryPoint, **environ: str) -> Plugins:
    return Plugins.load(points=points, builtins=(), environ=environ)


def states(plugins: Plugins) -> dict[str, str]:
    return {row.name: row.state for row in plugins.rows()}


def test_a_good_plugin_is_listed_with_distribution_and_version(package: Any) -> None:
    plugins = load(package("good_one", GOOD.format(name="good_one")))
    assert plugins.rows() == [PluginRow("good_one", "notifier", "dist-good_one", "1.2", "loaded")]
    assert plugins.versions() == {"dist-good_one": "1.2"}
    assert plugins.problems() == []


@pytest.mark.parametrize(
    ("source", "code", "text"),
    [
        ("import no_such_library_at_all", "PB5001", "no_such_library_at_all"),
        ("raise SystemExit(3)", "PB5001", "SystemExit"),
        ("def f(:", "PB5001", "SyntaxError"),
        ("x = 1", "PB5004", "has no hooks"),
        (
            MARKED + "def register_exchange(): return []",
            "PB5003",
            "does not exist",
        ),
        (
            MARKED + "def register_features(x): return []",
            "PB5003",
            "other arguments",
        ),
        (
            MARKED + "def register_features(): return 3",
            "PB5005",
            "returned int",
        ),
        (
            MARKED + "def register_features(): pass",
            "PB5005",
            "returned NoneType",
        ),
        (
            MARKED + "def register_features(): 1 / 0",
            "PB5001",
            "ZeroDivisionError",
        ),
    ],
)
def test_a_bad_plugin_is_reported_and_stops_nothing_else(
    package: Any, source: str, code: str, text: str
) -> None:
    plugins = load(package("bad_one", source), package("good_one", GOOD.format(name="good_one")))
    assert states(plugins) == {"bad_one": "failed", "good_one": "loaded"}
    (problem,) = plugins.problems()
    assert problem.code == code
    assert text in problem.message
    assert "`dist-bad_one 1.2`" in problem.message
    assert plugins.build("notifier", "good_one") is not None


def test_a_misspelt_hook_gets_the_nearest_name() -> None:
    plugins = Plugins.of({"alpha": a_plugin(register_exchange=lambda: [])})
    assert plugins.problems()[0].help == "did you mean `register_exchanges`?"


def test_a_class_as_entry_point_is_named_as_such() -> None:
    class Holder:
        @hookimpl
        def register_notifiers(self) -> Any:
            return []

    problem = Plugins.of({"alpha": Holder}).problems()[0]
    assert problem.code == "PB5003"
    assert "class `Holder`" in problem.message
    assert Plugins.of({"alpha": Holder()}).problems() == []


def test_a_hanging_import_ends_at_the_limit(package: Any) -> None:
    hanging = package("hanging_one", "import time\ntime.sleep(30)")
    good = package("good_one", GOOD.format(name="good_one"))
    begun = time.monotonic()
    plugins = load(hanging, good, PAPERBOT_PLUGIN_IMPORT_TIMEOUT="0.2")
    assert time.monotonic() - begun < 10
    assert states(plugins) == {"hanging_one": "failed", "good_one": "loaded"}
    assert plugins.problems()[0].code == "PB5006"


@pytest.mark.parametrize("text", ["soon", "0", "-1", "nan", "inf"])
def test_a_bad_time_limit_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="PB5012"):
        load(PAPERBOT_PLUGIN_IMPORT_TIMEOUT=text)


@pytest.mark.parametrize(
    ("allowed", "loaded"),
    [
        ("", set()),
        ("one_a", {"one_a"}),
        (" dist-one_b , x", {"one_b"}),
        ("one_a,one_b", {"one_a", "one_b"}),
    ],
)
def test_the_allow_list_disables_the_rest(package: Any, allowed: str, loaded: set[str]) -> None:
    points = [package(name, GOOD.format(name=name)) for name in ("one_a", "one_b")]
    plugins = load(*points, PAPERBOT_PLUGINS=allowed)
    assert {name for name, state in states(plugins).items() if state == "loaded"} == loaded
    assert set(states(plugins).values()) <= {"loaded", "disabled"}


def test_what_a_plugin_prints_does_not_reach_standard_output(
    package: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    load(package("chatty", "print('hello')\n" + GOOD.format(name="chatty")))
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "hello" in captured.err


def test_a_disabled_plugin_is_not_imported(package: Any) -> None:
    load(package("bomb", "raise AssertionError('imported')"), PAPERBOT_PLUGINS="")
    assert "bomb" not in sys.modules


def test_two_plugins_with_one_name_are_both_refused() -> None:
    plugins = Plugins.of({"first": notifier_plugin("pigeon"), "second": notifier_plugin("pigeon")})
    assert [row.state for row in plugins.rows()] == ["failed", "failed"]
    with pytest.raises(PluginError, match=r"PB5002.*`first 0` and `second 0`"):
        plugins.component("notifier", "pigeon")
    assert [d.code for d in plugins.problems()] == ["PB5002"]


def test_one_name_in_two_kinds_is_fine() -> None:
    both = a_plugin(
        register_notifiers=lambda: [component("pigeon")],
        register_observers=lambda: [component("pigeon")],
    )
    assert [row.state for row in Plugins.of({"alpha": both}).rows()] == ["loaded", "loaded"]


@pytest.mark.parametrize(
    ("required", "text"),
    [
        ("bad_one", "ModuleNotFoundError"),
        ("dist-bad_one", "ModuleNotFoundError"),
        ("missing", "not installed"),
    ],
)
def test_a_required_plugin_must_load(package: Any, required: str, text: str) -> None:
    bad = package("bad_one", "import no_such_library_at_all")
    with pytest.raises(PluginError, match=text) as caught:
        Plugins.load((required,), points=[bad], builtins=(), environ={})
    assert [d.code for d in caught.value.diagnostics] == ["PB5007"]


def test_a_required_plugin_that_is_disabled_is_fatal(package: Any) -> None:
    good = package("good_one", GOOD.format(name="good_one"))
    with pytest.raises(PluginError, match="disabled"):
        Plugins.load(("good_one",), points=[good], builtins=(), environ={"PAPERBOT_PLUGINS": ""})
    Plugins.load(("good_one",), points=[good], builtins=(), environ={})


def test_an_unknown_name_gets_the_nearest_and_the_list() -> None:
    plugins = Plugins.of({"alpha": notifier_plugin("pigeon", "raven")})
    with pytest.raises(UserError) as caught:
        plugins.component("notifier", "pigoen", Span("paperbot.yaml", 3, 5))
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == "PB5008"
    assert diagnostic.help == "did you mean `pigeon`?"
    assert diagnostic.expected == "one of `pigeon`, `raven`"
    assert diagnostic.span == Span("paperbot.yaml", 3, 5)


def test_wrong_options_are_all_reported_without_their_values() -> None:
    plugins = Plugins.of({"alpha": notifier_plugin("pigeon")})
    places = {("size",): Span("p.yaml", 1), ("colr",): Span("p.yaml", 2)}
    with pytest.raises(UserError) as caught:
        plugins.build("notifier", "pigeon", {"size": "hunter2", "colr": "hunter2"}, places.get)  # type: ignore[arg-type]
    said = [(d.code, d.span, d.help) for d in caught.value.diagnostics]
    assert said == [
        ("PB5009", Span("p.yaml", 1), ""),
        ("PB5009", Span("p.yaml", 2), "did you mean `colour`?"),
    ]
    assert "hunter2" not in str(caught.value)


def test_a_missing_option_is_reported_at_the_whole() -> None:
    class Needy(StrictModel):
        path: str

    needy = a_plugin(register_notifiers=lambda: [component("pigeon", config=Needy)])
    with pytest.raises(UserError, match="needs the option `path`"):
        Plugins.of({"alpha": needy}).build("notifier", "pigeon")


def test_a_build_that_fails_or_lies_is_named() -> None:
    def broken(_: object) -> Silent:
        raise ValueError("no such thing")

    failing = a_plugin(
        register_notifiers=lambda: [Component("pigeon", NoteOptions, broken, "for a test")]
    )
    with pytest.raises(PluginError, match=r"PB5010.*`alpha 0`.*ValueError: no such thing"):
        Plugins.of({"alpha": failing}).build("notifier", "pigeon")
    lying = a_plugin(register_exchanges=lambda: [component("venue")])
    with pytest.raises(PluginError, match=r"PB5010.*without `bars`, `book`"):
        Plugins.of({"alpha": lying}).build("exchange", "venue")


@pytest.mark.parametrize(
    ("hook", "made", "text"),
    [
        ("register_notifiers", "pigeon", "str instead of Component"),
        ("register_notifiers", component("Pigeon"), "use lower case"),
        ("register_notifiers", component("a.b.c"), "at most one dot"),
        ("register_features", component("rsi"), "must be named `plugin.rsi`"),
        ("register_strategies", component("rsi"), "must be named `plugin.rsi`"),
        ("register_notifiers", component("pigeon", config=dict), "StrictModel"),
        ("register_notifiers", Component("pigeon", NoteOptions, None, "x"), "cannot be called"),  # type: ignore[arg-type]
    ],
)
def test_malformed_components_are_refused(hook: str, made: object, text: str) -> None:
    (problem,) = Plugins.of({"alpha": a_plugin(**{hook: lambda: [made]})}).problems()
    assert problem.code == "PB5005"
    assert text in problem.message


def test_the_core_brings_its_replay_by_the_same_door() -> None:
    plugins = Plugins.load(points=[], environ={"PAPERBOT_PLUGINS": ""})
    assert [(r.name, r.kind, r.distribution, r.state) for r in plugins.rows()] == [
        ("replay", "exchange", "paperbot-core", "loaded")
    ]
