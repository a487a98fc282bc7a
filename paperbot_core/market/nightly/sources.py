"""What is wrong with the sources of the nightly job, as far as that can be told beforehand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from paperbot_core.diagnostics import Diagnostic, PaperbotError, Severity, Span
from paperbot_core.market.nightly.nightly import SOURCE_KIND, source_options

if TYPE_CHECKING:
    from paperbot_core.config.project import Project
    from paperbot_core.config.source_map import SourceMap
    from paperbot_core.plugins import Plugins

_UNKNOWN = "PB5008"


def source_problems(project: Project, plugins: Plugins) -> Iterator[Diagnostic]:
    """Yield a warning for each source that is not installed, an error for each wrong option.

    A backtest needs no source, so a project may be checked where one is not installed.
    """
    data, places = project.settings.data, project.settings_places
    for index, job in enumerate(data.nightly.jobs):
        place = _place_of(places, index, job.source)
        try:
            component = plugins.component(SOURCE_KIND, job.source, place)
            options = source_options(job, data, plugins, project.state_dir)
            try:
                component.config.model_validate(options)
            except ValueError:
                # Only what is wrong is built: to hear of it in words, with its place.
                plugins.build(SOURCE_KIND, job.source, options, place)
        except PaperbotError as error:
            for found in error.diagnostics:
                level = Severity.WARNING if found.code == _UNKNOWN else found.severity
                line = places.source.line(found.span.line) if found.span else ""
                yield replace(found, severity=level, source=line)


def _place_of(
    places: SourceMap, index: int, source: str
) -> Callable[[tuple[str | int, ...]], Span]:
    """Return where an option of a job's source stands: with the job, or in `data.sources`."""
    job = ("data", "nightly", "jobs", index)

    def place(path: tuple[str | int, ...]) -> Span:
        candidates = ((*job, "options", *path), ("data", "sources", source, *path))
        found = [one for one in candidates if path and places.has(one)]
        return places.span(found[0] if found else (*job, "source"))

    return place
