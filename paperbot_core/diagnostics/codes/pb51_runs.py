"""PB51xx: what plugins did during a run."""

from __future__ import annotations

from paperbot_core.diagnostics.codes.code import Code

CODES: list[Code] = [
    Code(
        "PB5101",
        "the plugin of a strategy failed during the run",
        "On so many bars it raised an exception or returned something that is no list of valid"
        " signals; the message holds its first failure.",
        "The strategy had no signal on those bars, so the result shows less than the plugin meant.",
        "a callable that divides by a volume of zero",
        "Repair the plugin, or ask its author; the distribution is named.",
    ),
    Code(
        "PB5102",
        "a plugin gives a stop for a strategy without one",
        "The plugin's signal has a `stop_distance`, and its strategy file has no `protect.stop`.",
        "Whether a strategy has a stop is fixed by its file; the entry is dropped rather than made"
        " without the stop that the plugin asks for.",
        "uses: my_plugin.my_strategy   # which gives stops, under `protect: {max_bars: 24}`",
        "Give `protect.stop` a distance; it holds where the plugin gives none.",
    ),
]
