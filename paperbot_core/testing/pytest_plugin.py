"""Fixtures for pytest. Imports of the package are inside, or coverage would miss module lines."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from paperbot_core.plugins import Plugins


@pytest.fixture
def paperbot_plugins() -> Callable[..., Plugins]:
    """Return a function that registers plugin modules, and nothing that is installed.

    `paperbot_plugins(my_plugin)` names the distribution after the module; with keywords the
    distribution is the keyword.
    """
    from paperbot_core.plugins import Plugins

    def register(*modules: object, **named: object) -> Plugins:
        unnamed = {str(getattr(m, "__name__", f"plugin{k}")): m for k, m in enumerate(modules)}
        return Plugins.of(unnamed | named)

    return register


@pytest.fixture
def no_installed_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide every installed plugin: `PAPERBOT_PLUGINS` is set and empty."""
    monkeypatch.setenv("PAPERBOT_PLUGINS", "")
