"""The plugins of this process: found, isolated, registered by kind and name, built on request.

The only caller of hooks (through `plugins_load`). Knows nothing of what components do; safe ways to
call them are in `plugins_guard`, features become functions of the language in `plugins_features`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pydantic

from paperbot_core.api import protocols
from paperbot_core.diagnostics import (
    Diagnostic,
    PaperbotError,
    PluginError,
    Span,
    UserError,
    did_you_mean,
)
from paperbot_core.diagnostics.redact import describe_error
from paperbot_core.plugins_guard import SafeObserver, SafeRiskCheck, SafeStrategy, TriggerStrategy
from paperbot_core.plugins_load import (
    BUILTINS,
    LoadedPlugin,
    Offer,
    Origin,
    PluginState,
    announce,
    discover,
    load_all,
)

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from paperbot_core.api.component import Component
    from paperbot_core.features.function import Function

#: What a built component must look like.
SHAPES: dict[str, type] = {
    "exchange": protocols.Exchange,
    "feature": protocols.Feature,
    "trigger": protocols.Trigger,
    "strategy": protocols.Strategy,
    "risk_check": protocols.RiskCheck,
    "notifier": protocols.Notifier,
    "data_source": protocols.DataSource,
    "observer": protocols.Observer,
}

Place = Span | Callable[[tuple[str | int, ...]], Span | None] | None


@dataclass(frozen=True, slots=True)
class PluginRow:
    """A line of `paperbot plugins`: a component, or a plugin that is not loaded (kind `plugin`)."""

    name: str
    kind: str
    distribution: str
    version: str
    state: str
    error: str | None = None


class Plugins:
    """What is plugged in. Immutable once made; make another one to look again."""

    def __init__(self, plugins: Iterable[LoadedPlugin]) -> None:
        """Register what the plugins announce; two of one kind and name are both refused."""
        self._plugins = tuple(plugins)
        self._offers: dict[tuple[str, str], list[Offer]] = {}
        for plugin in self._plugins:
            for offer in plugin.offers:
                self._offers.setdefault((offer.kind, offer.component.name), []).append(offer)

    @classmethod
    def load(
        cls,
        required: Sequence[str] = (),
        *,
        points: Iterable[EntryPoint] | None = None,
        builtins: Iterable[EntryPoint] = BUILTINS,
        environ: Mapping[str, str] | None = None,
    ) -> Plugins:
        """Import every installed plugin that the environment allows.

        Args:
            required: names of entry points or distributions that must load.
            points: entry points to use instead of the installed ones.
            builtins: entry points of the core itself.
            environ: instead of the process environment; see `PAPERBOT_PLUGINS`.

        Raises:
            PluginError: PB5007 if a required plugin is missing, disabled or failed.
        """
        env = os.environ if environ is None else environ
        plugins = cls(load_all(discover() if points is None else points, builtins, env))
        plugins.require(required)
        return plugins

    @classmethod
    def of(cls, modules: Mapping[str, object], version: str = "0") -> Plugins:
        """Register plugin objects that are not installed: distribution name -> module or object."""
        return cls(
            announce(module, Origin(name, name, version)) for name, module in modules.items()
        )

    def require(self, names: Sequence[str]) -> None:
        """Raise PluginError PB5007, with the reasons, unless all these plugins are loaded."""
        found: list[Diagnostic] = []
        known = [name for p in self._plugins for name in (p.origin.plugin, p.origin.distribution)]
        for name in names:
            mine = [p for p in self._plugins if name in (p.origin.plugin, p.origin.distribution)]
            bad = next((p for p in mine if p.state is not PluginState.LOADED), None)
            if bad is not None:
                why = bad.problem.message if bad.problem else "it is disabled by `PAPERBOT_PLUGINS`"
                found.append(
                    Diagnostic("PB5007", f"the required plugin `{name}` is not loaded: {why}")
                )
            elif not mine:
                help_ = (
                    did_you_mean(name, known) or f"install it, e.g. `pip install paperbot-{name}`"
                )
                found.append(
                    Diagnostic(
                        "PB5007", f"the required plugin `{name}` is not installed", help=help_
                    )
                )
        if found:
            raise PluginError(found)

    def rows(self) -> list[PluginRow]:
        """Return one row a component, and one for each plugin that failed or is disabled."""
        rows: list[PluginRow] = []
        for plugin in self._plugins:
            origin = plugin.origin
            if plugin.state is not PluginState.LOADED:
                error = plugin.problem.message if plugin.problem else None
                rows.append(_row(origin.plugin, "plugin", origin, plugin.state, error))
            for offer in plugin.offers:
                name = offer.component.name
                clash = self._duplicate(offer.kind, name)
                state = PluginState.FAILED if clash else PluginState.LOADED
                rows.append(_row(name, offer.kind, origin, state, clash.message if clash else None))
        return sorted(rows, key=lambda row: (row.kind, row.name, row.distribution))

    def problems(self) -> list[Diagnostic]:
        """Return why plugins failed and which names clash."""
        found = [plugin.problem for plugin in self._plugins if plugin.problem]
        clashes = (self._duplicate(kind, name) for kind, name in sorted(self._offers))
        return found + [clash for clash in clashes if clash]

    def versions(self) -> dict[str, str]:
        """Return distribution -> version of everything loaded, for the record of a run."""
        loaded = (p.origin for p in self._plugins if p.state is PluginState.LOADED)
        return dict(sorted((origin.distribution, origin.version) for origin in loaded))

    def names(self, kind: str) -> list[str]:
        """Return the names of all components of a kind."""
        return sorted(name for found, name in self._offers if found == kind)

    def component(self, kind: str, name: str, place: Place = None) -> Component[Any]:
        """Return an announced component.

        Raises:
            UserError: PB5008 if there is none, with the nearest name and what is installed.
            PluginError: PB5002 if two distributions announce it.
        """
        return self._offer(kind, name, place).component

    def build(
        self, kind: str, name: str, options: Mapping[str, Any] | None = None, span: Place = None
    ) -> Any:
        """Build a component from the options a user wrote.

        Args:
            kind: such as `exchange`.
            name: such as `sandbox`.
            options: unchecked values by option name.
            span: where they were written: one place for all, or a function from path to place.

        Raises:
            UserError: PB5008 for an unknown name, PB5009 for every wrong option.
            PluginError: PB5002 for a name announced twice, PB5010 if it cannot be built.
        """
        offer = self._offer(kind, name, span)
        component = offer.component
        try:
            config = component.config.model_validate(dict(options or {}))
        except pydantic.ValidationError as error:
            known = [f.alias or key for key, f in component.config.model_fields.items()]
            raise UserError(_option_mistakes(kind, name, error, known, span)) from None
        who = f"{kind} `{name}` of `{offer.origin}`"
        try:
            built = component.build(config)
        except PaperbotError:
            raise  # the plugin speaks to the user in our own terms
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            text = f"{who} could not be built: {describe_error(error)}"
            raise PluginError(Diagnostic("PB5010", text, _span(span))) from error
        if not isinstance(built, SHAPES[kind]):
            missing = sorted(m for m in _members(SHAPES[kind]) if not hasattr(built, m))
            text = f"{who} was built without `{'`, `'.join(missing)}`"
            raise PluginError(Diagnostic("PB5010", text, _span(span)))
        return built

    def functions(self, base: Mapping[str, Function] | None = None) -> Mapping[str, Function]:
        """Return the functions of the language (`base`) and those of plugins.

        A plugin's feature is built and tried when it is first looked up, which raises PluginError
        PB5020 to PB5025 if it is refused; listing names tries nothing.
        """
        from paperbot_core.plugins_features import FunctionTable

        makers = {name: self._maker(name) for name in self.names("feature")}
        return FunctionTable(base or {}, makers)

    def strategy(
        self, name: str, options: Mapping[str, Any] | None = None, span: Place = None
    ) -> SafeStrategy:
        """Build what `uses: NAME` means: a strategy, or a trigger to enter on.

        Raises:
            UserError: PB5008, PB5009.
            PluginError: PB5002, PB5010.
        """
        if ("strategy", name) not in self._offers and ("trigger", name) in self._offers:
            inner: Any = TriggerStrategy(self.build("trigger", name, options, span))
            kind = "trigger"
        else:
            kind = "strategy"
            inner = self.build(kind, name, options, span)
        return SafeStrategy(name, str(self._offers[kind, name][0].origin), inner)

    def risk_checks(
        self,
        configured: Mapping[str, Mapping[str, Any]],
        place: Callable[[tuple[str | int, ...]], Span] | None = None,
    ) -> list[SafeRiskCheck]:
        """Build the risk checks of `paperbot.yaml`, in name order.

        Args:
            configured: options by name, as the user wrote them.
            place: from the path below `risk_checks` to where it stands.

        Raises:
            UserError: PB5008 for unknown names and PB5009 for wrong options, all of them.
            PluginError: PB5002, PB5010: nothing may run without a check it should have.
        """
        checks: list[SafeRiskCheck] = []
        found: list[Diagnostic] = []
        for name in sorted(configured):

            def inside(path: tuple[str | int, ...], name: str = name) -> Span | None:
                return place((name, *path)) if place is not None else None

            try:
                built = self.build("risk_check", name, configured[name], inside)
            except UserError as error:
                found.extend(error.diagnostics)
            else:
                checks.append(SafeRiskCheck(name, self._distribution("risk_check", name), built))
        if found:
            raise UserError(found)
        return checks

    def observers(
        self, options: Mapping[str, Mapping[str, Any]] | None = None
    ) -> list[SafeObserver]:
        """Build every installed observer, in name order."""
        given = options or {}
        return [
            SafeObserver(name, self._distribution("observer", name), self.build(
                "observer", name, given.get(name)
            ))
            for name in self.names("observer")
        ]  # fmt: skip

    def _maker(self, name: str) -> Callable[[], Function]:
        def make() -> Function:
            from paperbot_core.plugins_features import FeatureGuard
            from paperbot_core.plugins_trial import accept

            feature = self.build("feature", name)
            guard = FeatureGuard(name, feature, self._distribution("feature", name))
            return accept(guard, self.component("feature", name).summary)

        return make

    def _distribution(self, kind: str, name: str) -> str:
        return str(self._offer(kind, name, None).origin)

    def _offer(self, kind: str, name: str, place: Place) -> Offer:
        offers = self._offers.get((kind, name))
        if offers is None:
            raise UserError(self._unknown(kind, name, place))
        if clash := self._duplicate(kind, name):
            raise PluginError(clash)
        return offers[0]

    def _unknown(self, kind: str, name: str, place: Place) -> Diagnostic:
        known = self.names(kind)
        help_ = did_you_mean(name, known)
        broken = [p.problem.message for p in self._plugins if p.problem]
        if not help_ and broken:
            help_ = f"a plugin failed to load: {broken[0]}"
        expected = (
            f"one of {', '.join(f'`{n}`' for n in known)}"
            if known
            else "a plugin that is installed"
        )
        article = "an" if kind[0] in "aeiou" else "a"
        text = f"no installed plugin has {article} {kind} `{name}`"
        return Diagnostic("PB5008", text, _span(place), expected=expected, help=help_)

    def _duplicate(self, kind: str, name: str) -> Diagnostic | None:
        offers = self._offers[kind, name]
        if len(offers) < 2:
            return None
        who = " and ".join(f"`{offer.origin}`" for offer in offers)
        help_ = "uninstall one, or choose with `PAPERBOT_PLUGINS`"
        return Diagnostic("PB5002", f"the {kind} `{name}` is announced by {who}", help=help_)


def _row(name: str, kind: str, origin: Origin, state: str, error: str | None) -> PluginRow:
    return PluginRow(name, kind, origin.distribution, origin.version, str(state), error)


def _members(shape: type) -> list[str]:
    return [name for name in dir(shape) if not name.startswith("_")]


def _span(place: Place, path: tuple[str | int, ...] = ()) -> Span | None:
    return place(path) if callable(place) else place


def _option_mistakes(
    kind: str, name: str, error: pydantic.ValidationError, known: Sequence[str], place: Place
) -> list[Diagnostic]:
    """Return one PB5009 for each wrong option; never shows the value, which may be a secret."""
    found: list[Diagnostic] = []
    for mistake in error.errors(include_url=False, include_context=False, include_input=False):
        path = tuple(mistake["loc"])
        option = ".".join(str(part) for part in path) or "options"
        help_ = expected = ""
        if mistake["type"] == "extra_forbidden":
            text = f"{kind} `{name}` has no option `{option}`"
            help_ = did_you_mean(option, known)
            expected = (
                f"one of {', '.join(f'`{k}`' for k in known)}" if known else "no options at all"
            )
        elif mistake["type"] == "missing":
            text = f"{kind} `{name}` needs the option `{option}`"
            path = ()
        else:
            said = mistake["msg"][:1].lower() + mistake["msg"][1:]
            text = f"option `{option}` of {kind} `{name}`: {said}"
        found.append(Diagnostic("PB5009", text, _span(place, path), expected=expected, help=help_))
    return found
