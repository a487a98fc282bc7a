"""The functions of the strategy language, by name."""

from __future__ import annotations

from paperbot_core.features import averages, channels, conditions, momentum, plain, volumes
from paperbot_core.features.function import Function

FUNCTIONS: dict[str, Function] = {
    function.name: function
    for group in (plain, averages, momentum, channels, volumes, conditions)
    for function in group.FUNCTIONS
}
