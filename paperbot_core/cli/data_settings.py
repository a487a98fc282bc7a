"""The blocks of paperbot.yaml, for commands that need nothing else of a project."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from paperbot_core.config.settings import DataSettings, Settings


def read_data_settings(project: Path) -> DataSettings:
    """Return the block `data`, or its defaults where there is no paperbot.yaml.

    Raises:
        UserError: PB1xxx, PB2xxx: paperbot.yaml cannot be read or is not valid.
    """
    return read_settings(project).data


def read_settings(project: Path) -> Settings:
    """Return all of paperbot.yaml, or the defaults where there is none.

    Raises:
        UserError: PB1xxx, PB2xxx: paperbot.yaml cannot be read or is not valid.
    """
    from paperbot_core.config.project import SETTINGS_NAME
    from paperbot_core.config.reading import read_model
    from paperbot_core.config.settings import Settings
    from paperbot_core.config.yaml_source import load_yaml
    from paperbot_core.diagnostics import UserError

    path = project / SETTINGS_NAME
    if not path.exists():
        return Settings()
    settings, found = read_model(Settings, load_yaml(path, str(path)))
    if settings is None or found:
        raise UserError(found)
    return settings
