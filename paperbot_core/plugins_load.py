"""Finds plugins and hears what they announce: one entry point at a time, in name order, isolated.

A plugin that fails, hangs or breaks a rule becomes a value with a diagnostic, and stops nothing.
"""

from __future__ import annotations

import contextlib
import inspect
import re
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points
from typing import Any

import pluggy

from paperbot_core import __version__
from paperbot_core.api import hookspecs
from paperbot_core.api.component import Component
from paperbot_core.config.base import StrictModel
from paperbot_core.diagnostics import Diagnostic, PluginError, did_you_mean, user_error
from paperbot_core.diagnostics.redact import describe_error

GROUP = "paperbot"
ALLOW_VARIABLE = "PAPERBOT_PLUGINS"
TIMEOUT_VARIABLE = "PAPERBOT_PLUGIN_IMPORT_TIMEOUT"
TIMEOUT_DEFAULT_S = 10.0

#: Components of the core itself. They enter by the same door, but cannot be switched off.
BUILTINS: tuple[EntryPoint, ...] = (EntryPoint("replay", "paperbot_core.market.replay", GROUP),)

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}(\.[a-z][a-z0-9_]{0,63})?")
_DOTTED_KINDS = ("feature", "trigger", "strategy")


class PluginState(StrEnum):
    """What became of a plugin."""

    LOADED = "loaded"
    FAILED = "failed"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a plugin comes from: its entry point, and the distribution a user can uninstall."""

    plugin: str
    distribution: str
    version: str

    def __str__(self) -> str:
        return f"{self.distribution} {self.version}".strip()


@dataclass(frozen=True, slots=True)
class Offer:
    """One announced component."""

    kind: str
    component: Component[Any]
    origin: Origin


@dataclass(frozen=True, slots=True)
class LoadedPlugin:
    """The outcome of one entry point; `problem` says why it is not loaded."""

    origin: Origin
    state: PluginState
    offers: tuple[Offer, ...] = ()
    problem: Diagnostic | None = None


def discover() -> list[EntryPoint]:
    """Return the installed entry points of group `paperbot`, by name, then distribution."""
    found = entry_points(group=GROUP)
    return sorted(found, key=lambda point: (point.name, origin_of(point).distribution))


def origin_of(point: EntryPoint) -> Origin:
    """Return where an entry point comes from; the core's own belong to `paperbot-core`."""
    if point.dist is None:
        return Origin(point.name, "paperbot-core", __version__)
    try:
        return Origin(point.name, point.dist.name, point.dist.version)
    except (PackageNotFoundError, KeyError):
        # A damaged installation has no metadata; the plugin may still import and is named as it is.
        return Origin(point.name, point.name, "")


def allow_list(environ: Mapping[str, str]) -> frozenset[str] | None:
    """Return the plugins that `PAPERBOT_PLUGINS` allows; None means all, empty means none."""
    text = environ.get(ALLOW_VARIABLE)
    if text is None:
        return None
    return frozenset(name for name in (part.strip() for part in text.split(",")) if name)


def import_timeout_s(environ: Mapping[str, str]) -> float:
    """Return the time limit for importing one plugin, in seconds.

    Raises:
        UserError: PB5012 if the variable is not a number above 0.
    """
    text = environ.get(TIMEOUT_VARIABLE, "")
    if not text:
        return TIMEOUT_DEFAULT_S
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= threading.TIMEOUT_MAX:
        raise user_error(
            "PB5012", f"`{TIMEOUT_VARIABLE}` is not a number of seconds above 0", expected="e.g. 10"
        )
    return seconds


def load_all(
    points: Iterable[EntryPoint], builtins: Iterable[EntryPoint], environ: Mapping[str, str]
) -> list[LoadedPlugin]:
    """Load the built-ins, then the allowed `points`, each in its own sandbox of errors."""
    allowed = allow_list(environ)
    timeout_s = import_timeout_s(environ)
    loaded = [load_one(point, timeout_s) for point in builtins]
    for point in points:
        origin = origin_of(point)
        if allowed is None or allowed & {origin.plugin, origin.distribution}:
            loaded.append(load_one(point, timeout_s))
        else:
            loaded.append(LoadedPlugin(origin, PluginState.DISABLED))
    return loaded


def load_one(point: EntryPoint, timeout_s: float) -> LoadedPlugin:
    """Import one plugin and collect what it announces, within `timeout_s` seconds."""
    origin = origin_of(point)
    outcome: list[LoadedPlugin] = []

    def work() -> None:
        try:
            plugin = point.load()
        except BaseException as error:  # noqa: BLE001 - not ours: contained and named
            outcome.append(
                _failed(origin, "PB5001", f"cannot be imported: {describe_error(error)}")
            )
        else:
            outcome.append(announce(plugin, origin))

    # A thread, because an import cannot be interrupted; daemon, so that a hung one lets us exit.
    thread = threading.Thread(target=work, name=f"import {origin.plugin}", daemon=True)
    # What a plugin prints while it is imported must not get between the lines of `--json`.
    with contextlib.redirect_stdout(sys.stderr):
        thread.start()
        thread.join(timeout_s)
    if not outcome:
        text = f"did not finish importing within {timeout_s:g} s"
        return _failed(origin, "PB5006", text, f"raise `{TIMEOUT_VARIABLE}` if it is only slow")
    return outcome[0]


def announce(plugin: object, origin: Origin) -> LoadedPlugin:
    """Call the hooks of one imported plugin and check what they return; never raises."""
    try:
        return LoadedPlugin(origin, PluginState.LOADED, tuple(_offers(plugin, origin)))
    except PluginError as error:
        return LoadedPlugin(origin, PluginState.FAILED, (), error.diagnostics[0])
    except BaseException as error:  # noqa: BLE001 - not ours: contained and named
        text = f"failed in a hook: {describe_error(error)}"
        return _failed(origin, "PB5001", text)


def _offers(plugin: object, origin: Origin) -> list[Offer]:
    # A manager of its own for each plugin: an exception in one hook cannot reach another plugin.
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    if inspect.isclass(plugin):
        raise _error(
            origin, "PB5003", f"names the class `{plugin.__name__}`", "name a module or an instance"
        )
    try:
        manager.register(plugin, origin.plugin)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        raise _error(
            origin,
            "PB5003",
            f"has a hook that does not exist or has other arguments: {_hook(error)}",
            _nearest_hook(manager, plugin),
        ) from error
    if not manager.get_hookcallers(plugin):
        raise _error(
            origin, "PB5004", "has no hooks", "mark the `register_...` functions with `@hookimpl`"
        )
    offers: list[Offer] = []
    for hook, kind in hookspecs.KINDS.items():
        caller = getattr(manager.hook, hook)
        if not caller.get_hookimpls():
            continue
        # pluggy drops None: a forgotten `return` would otherwise look like nothing to announce.
        for announced in caller() or [None]:
            offers.extend(_checked(announced, hook, kind, origin))
    return offers


def _checked(announced: object, hook: str, kind: str, origin: Origin) -> list[Offer]:
    if not isinstance(announced, Sequence) or isinstance(announced, str):
        raise _error(
            origin,
            "PB5005",
            f"`{hook}` returned {type(announced).__name__}",
            "return a list of Component",
        )
    for component in announced:
        if mistake := _mistake(component, kind):
            raise _error(origin, "PB5005", f"`{hook}` announces {mistake}")
    return [Offer(kind, component, origin) for component in announced]


def _mistake(component: object, kind: str) -> str:
    """Return what is wrong with an announced component, or the empty string."""
    if not isinstance(component, Component):
        return f"{type(component).__name__} instead of Component"
    return _field_mistake(component, kind)


def _field_mistake(component: Any, kind: str) -> str:  # Any: the fields may lie about their types
    name = component.name
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        return f"the name {name!r}: use lower case letters, digits, `_` and at most one dot"
    if kind in _DOTTED_KINDS and "." not in name:
        return f"the {kind} `{name}`: it must be named `plugin.{name}`"
    if not (inspect.isclass(component.config) and issubclass(component.config, StrictModel)):
        return f"`{name}`, whose `config` is not a subclass of StrictModel"
    if not callable(component.build):
        return f"`{name}`, whose `build` cannot be called"
    if not isinstance(component.summary, str) or not component.summary.strip():
        return f"`{name}` without a summary"
    return ""


def _hook(error: pluggy.PluginValidationError) -> str:
    return " ".join(str(error).split())[:200]


def _nearest_hook(manager: pluggy.PluginManager, plugin: object) -> str:
    for name in dir(plugin):
        if name not in hookspecs.KINDS and manager.parse_hookimpl_opts(plugin, name) is not None:
            return did_you_mean(name, hookspecs.KINDS)
    return "the hooks and their arguments are in docs/hooks.md"


def _failed(origin: Origin, code: str, text: str, help_: str = "") -> LoadedPlugin:
    problem = _error(origin, code, text, help_).diagnostics[0]
    return LoadedPlugin(origin, PluginState.FAILED, (), problem)


def _error(origin: Origin, code: str, text: str, help_: str = "") -> PluginError:
    message = f"plugin `{origin.plugin}` of `{origin}` {text}"
    return PluginError(Diagnostic(code, message, help=help_))
