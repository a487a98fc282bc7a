"""Check a whole project: files, references between them, expressions and plugins, all at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from paperbot_core.config.adaptive import family_of, mode_of
from paperbot_core.config.project import LoadedStrategy, Project, load_project
from paperbot_core.diagnostics import Diagnostic, PaperbotError, Severity, Span, UserError
from paperbot_core.features.table import FUNCTIONS
from paperbot_core.lang.strategy import CompiledStrategy, compile_strategy
from paperbot_core.market.nightly.sources import source_problems
from paperbot_core.market.universe.adaptive import as_mode
from paperbot_core.market.universe.regime import RegimeDetector
from paperbot_core.plugins_signals import plugin_options

if TYPE_CHECKING:
    from pathlib import Path

    from paperbot_core.features.function import Function
    from paperbot_core.plugins import Plugins

#: An expression that calls a plugin: `plugin.name(`.
_PLUGIN_CALL = re.compile(r"[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*\s*\(")


@dataclass(frozen=True, slots=True)
class CheckedProject:
    """A project without errors, each strategy compiled with its default parameters.

    `functions` is what each strategy may call, by its name; `plugins` is None where nothing that
    was checked needs one.
    """

    project: Project
    compiled: Mapping[str, CompiledStrategy]
    warnings: tuple[Diagnostic, ...]
    functions: Mapping[str, Mapping[str, Function]] = field(default_factory=dict)
    plugins: Plugins | None = None


def check_project(
    directory: Path,
    *,
    policy: Path | None = None,
    universe: Path | None = None,
    names: Sequence[str] | None = None,
    plugins: Callable[[Project], Plugins] | None = None,
) -> CheckedProject:
    """Read and compile everything.

    Args:
        directory: the project directory, as the user gave it.
        policy: a file instead of the project's `policy.yaml`.
        universe: a file instead of the project's `universe.yaml`.
        names: compile these strategies only; all files are read and judged nevertheless. The name
            of a strategy with modes means all of them.
        plugins: how to load plugins; called only if a strategy needs one (default: all installed).

    Raises:
        UserError: every diagnostic of every file.
    """
    project = load_project(directory, policy=policy, universe=universe)
    wanted = tuple(project.strategies) if names is None else project.names_of(names)
    chosen = [project.strategy(name) for name in wanted]
    table = _Functions(project, plugins or load_plugins)
    found: list[Diagnostic] = [*_regime_problems(project), *table.risk_check_problems()]
    wrong: list[tuple[str, Diagnostic]] = []
    compiled: dict[str, CompiledStrategy] = {}
    functions: dict[str, Mapping[str, Function]] = {}
    for loaded in chosen:
        try:
            table.require_plugin_of(loaded)
            functions[loaded.name] = table.for_strategy(loaded)
            compiled[loaded.name] = compile_loaded(project, loaded, functions[loaded.name])
        except PaperbotError as error:
            wrong += ((loaded.name, d) for d in with_source(error.diagnostics, loaded))
    found += told_once(wrong, wanted)
    if found:
        raise UserError([*found, *project.warnings])
    more = told_once(
        ((o.name, w) for o in chosen for w in with_source(compiled[o.name].warnings, o)), wanted
    )
    others = {s.places.file for s in project.strategies.values()}
    others -= {loaded.places.file for loaded in chosen}
    told = [w for w in project.warnings if w.span is None or w.span.file not in others]
    return CheckedProject(
        project, compiled, (*told, *more), functions, table.loaded
    )


def compile_loaded(
    project: Project, loaded: LoadedStrategy, functions: Mapping[str, Function],
    params: Mapping[str, float] | None = None,
) -> CompiledStrategy:  # fmt: skip
    """Compile one strategy, or one mode, of a project.

    Args:
        project: whose universe says whether there is a regime.
        loaded: the strategy.
        functions: what it may call.
        params: values instead of the defaults.

    Raises:
        UserError: everything that is wrong; an unknown parameter, or a value outside its bounds.
    """
    return as_mode(
        compile_strategy(
            loaded.file, places=loaded.places, params=params, functions=functions,
            has_regime=project.universe.regime is not None,
        )
    )


def _regime_problems(project: Project) -> Sequence[Diagnostic]:
    """Return what is wrong with the rules of the regime in universe.yaml."""
    if project.universe.regime is None:
        return ()
    try:
        RegimeDetector(project.universe.regime, project.universe_places)
    except UserError as error:
        return error.diagnostics
    return ()


def check_all(directory: Path) -> CheckedProject:
    """Check a project and its plugins, as `paperbot check` does.

    Raises:
        UserError: every diagnostic of every file.
        PluginError: PB5007 if a plugin that paperbot.yaml requires is not loaded.
    """
    loaded: list[Plugins] = []

    def load_once(project: Project) -> Plugins:
        if not loaded:
            loaded.append(load_plugins(project))
        return loaded[0]

    checked = check_project(directory, plugins=load_once)
    plugins = load_once(checked.project)
    found = [
        *exchange_problems(checked.project, plugins),
        *source_problems(checked.project, plugins),
    ]
    if any(diagnostic.severity is Severity.ERROR for diagnostic in found):
        raise UserError([*found, *checked.warnings])
    return replace(checked, warnings=(*checked.warnings, *found))


def with_source(diagnostics: Sequence[Diagnostic], loaded: LoadedStrategy) -> Iterator[Diagnostic]:
    """Add the user's own line to diagnostics that know only their place."""
    for diagnostic in diagnostics:
        span = diagnostic.span
        if span is None:
            yield replace(diagnostic, span=Span(loaded.places.file))
        elif span.file == loaded.places.file and not diagnostic.source:
            yield replace(diagnostic, source=loaded.places.source.line(span.line))
        else:
            yield diagnostic


def told_once(
    told: Iterable[tuple[str, Diagnostic]], names: Sequence[str]
) -> list[Diagnostic]:
    """Return diagnostics of strategies, those of a file with modes once.

    What is not said of all its modes names those of which it is.

    Args:
        told: strategies by name, modes apart, each with what is said of it.
        names: every strategy that was looked at.
    """
    speakers: dict[Diagnostic, dict[str, None]] = {}
    for name, diagnostic in told:
        speakers.setdefault(diagnostic, {})[name] = None
    found = []
    for diagnostic, mine in speakers.items():
        family = family_of(next(iter(mine)))
        if len(mine) < sum(family_of(name) == family for name in names):
            modes = " and ".join(f"`{mode_of(name)}`" for name in mine)
            note = f"this is so in mode {modes}"
            said = f"{diagnostic.help}; {note}" if diagnostic.help else note
            found.append(replace(diagnostic, help=said))
        else:
            found.append(diagnostic)
    return found


def load_plugins(project: Project) -> Plugins:
    """Import the installed plugins; those that paperbot.yaml requires must load.

    Raises:
        PluginError: PB5007 if a required plugin is missing, disabled or failed.
    """
    from paperbot_core.plugins import Plugins

    return Plugins.load(project.settings.plugins.required)


def exchange_problems(project: Project, plugins: Plugins) -> list[Diagnostic]:
    """Judge the `exchange` block: an unknown plugin is a warning, a wrong option an error.

    A backtest needs no exchange, so a project may be checked where its plugin is not installed.
    """
    choice, places = project.settings.exchange, project.settings_places

    def place(path: tuple[str | int, ...]) -> Span:
        return places.span(("exchange", *path)) if path else places.span(("exchange", "plugin"))

    try:
        component = plugins.component("exchange", choice.plugin, place)
    except PaperbotError as error:
        return [replace(d, severity=Severity.WARNING) for d in _lined(error, project)]
    try:
        component.config.model_validate(choice.options)
    except ValueError:
        try:
            plugins.build("exchange", choice.plugin, choice.options, place)
        except PaperbotError as error:
            return _lined(error, project)
    return []


def _lined(error: PaperbotError, project: Project) -> list[Diagnostic]:
    line = project.settings_places.source.line
    return [replace(d, source=line(d.span.line)) if d.span else d for d in error.diagnostics]


class _Functions:
    """The functions a strategy may call; plugins are loaded when the first one asks for them."""

    def __init__(self, project: Project, load: Callable[[Project], Plugins]) -> None:
        self._project = project
        self._load = load
        self._table: Mapping[str, Function] | None = None
        self.loaded: Plugins | None = None

    def plugins(self) -> Plugins:
        if self.loaded is None:
            self.loaded = self._load(self._project)
        return self.loaded

    def for_strategy(self, loaded: LoadedStrategy) -> Mapping[str, Function]:
        if not _PLUGIN_CALL.search(loaded.text):
            return FUNCTIONS
        if self._table is None:
            # One table for all strategies: a plugin's feature is tried once.
            self._table = self.plugins().functions(FUNCTIONS)
        return self._table

    def require_plugin_of(self, loaded: LoadedStrategy) -> None:
        if loaded.file.uses is not None:
            defaults = {name: param.default for name, param in loaded.file.params.items()}

            def place(path: tuple[str | int, ...]) -> Span:
                return loaded.places.span(("with", *path) if path else ("uses",))

            options = plugin_options(loaded.file, defaults)
            self.plugins().strategy(loaded.file.uses, options, place)

    def risk_check_problems(self) -> list[Diagnostic]:
        """Judge `risk_checks`; without one that is asked for nothing may run."""
        configured, places = self._project.settings.risk_checks, self._project.settings_places
        if not configured:
            return []

        def place(path: tuple[str | int, ...]) -> Span:
            found = ("risk_checks", *path)
            return places.span(found) if len(path) > 1 else places.key_span(found)

        try:
            self.plugins().risk_checks(configured, place)
        except PaperbotError as error:
            return _lined(error, self._project)
        return []
