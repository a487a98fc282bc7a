"""A project directory as a whole: every file read, every mistake of all of them told at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from paperbot_core.config.adaptive import family_of, variants
from paperbot_core.config.base import StrictModel
from paperbot_core.config.policy import RULE_KEYS, PolicyFile
from paperbot_core.config.reading import read_model
from paperbot_core.config.references import cross_check
from paperbot_core.config.settings import Settings
from paperbot_core.config.source_map import Source, SourceMap
from paperbot_core.config.strategy import StrategyFile
from paperbot_core.config.universe import UniverseFile
from paperbot_core.config.yaml_source import load_yaml
from paperbot_core.diagnostics import Diagnostic, Severity, Span, UserError, nearest, user_error
from paperbot_core.domain.market import Instrument, quote_of
from paperbot_core.domain.words import Rule

M = TypeVar("M", bound=StrictModel)

SETTINGS_NAME = "paperbot.yaml"
POLICY_NAME = "policy.yaml"
UNIVERSE_NAME = "universe.yaml"
STRATEGIES_NAME = "strategies.d"


@dataclass(frozen=True, slots=True)
class LoadedStrategy:
    """One file of `strategies.d/`, its places for diagnostics, and its text for the archive.

    A file with modes makes one for each of them; they share places and text.
    """

    file: StrategyFile
    places: SourceMap
    path: Path
    text: str

    @property
    def name(self) -> str:
        """The strategy's `name:`, which is its name on the command line; `NAME@MODE` of a mode."""
        return self.file.name


@dataclass(frozen=True, slots=True)
class Project:
    """Everything the user wrote, valid and consistent; expressions are still text.

    `directory` is as the user gave it; `texts` are the files by name relative to it, for archives.
    Of a strategy with modes, `strategies` has one a mode, together and in the file's order.
    """

    directory: Path
    settings: Settings
    policy: PolicyFile
    universe: UniverseFile
    strategies: Mapping[str, LoadedStrategy]
    texts: Mapping[str, str]
    settings_places: SourceMap
    policy_places: SourceMap
    universe_places: SourceMap
    warnings: tuple[Diagnostic, ...] = ()

    @property
    def state_dir(self) -> Path:
        """Where runs and journals go; a relative path counts from the project directory."""
        return self.directory / self.settings.state_dir

    @property
    def enabled(self) -> tuple[LoadedStrategy, ...]:
        """The strategies that a session runs, in their given order (all: by name)."""
        names = self.settings.strategies
        if names is None:
            names = sorted({family_of(name) for name in self.strategies})
        return tuple(self.strategies[name] for name in self.names_of(names))

    def names_of(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return the strategies that a user means by some names, in that order, none twice.

        The name of a strategy with modes means all of them.

        Raises:
            UserError: PB3005 if there is none of a name.
        """
        found: list[str] = []
        for name in names:
            modes = [known for known in self.strategies if family_of(known) == name]
            found += modes or [self.strategy(name).name]
        return tuple(dict.fromkeys(found))

    def strategy(self, name: str) -> LoadedStrategy:
        """Return one strategy by name.

        Raises:
            UserError: PB3005 if there is none of that name.
        """
        if name in self.strategies:
            return self.strategies[name]
        known = sorted({*self.strategies, *map(family_of, self.strategies)})
        near = nearest(name, known)
        raise user_error(
            "PB3005",
            f"no strategy `{name}` in `{self.directory / STRATEGIES_NAME}`",
            expected="one of " + ", ".join(f"`{other}`" for other in known),
            help=f"did you mean `{near}`?" if near else "",
        )

    def instrument(self, symbol: str) -> Instrument:
        """Return the instrument of a symbol; not listed means no grid, tier `unlisted`."""
        return self.universe.instrument(symbol)

    def symbols_of(self, name: str) -> tuple[str, ...]:
        """Return the symbols of the strategy called `name`, tiers expanded, none twice."""
        entries = self.strategy(name).file.universe
        found = (symbol for entry in entries for symbol in self.universe.symbols_of(entry))
        return tuple(dict.fromkeys(found))

    def foreign_quotes(self, symbols: Iterable[str]) -> list[Diagnostic]:
        """Warn of symbols priced in another currency than the wallet's: nothing is converted."""
        wallet = self.settings.wallet.quote
        foreign = [s for s in symbols if quote_of(s) not in {"", wallet}]
        if not foreign:
            return []
        what = f"priced in another currency than the wallet's {wallet}: {', '.join(foreign[:8])}"
        return [Diagnostic(
            "PB3009", what, severity=Severity.WARNING,
            help="prices are taken as they are; set `wallet.quote`, or leave these symbols out",
        )]  # fmt: skip

    def policy_place(self, rule: Rule) -> str:
        """Return where the limit of a rule stands, such as `policy.yaml:14`; empty if nowhere.

        The project's own file is named as it is in the project, wherever that lies: the journal
        keeps this text, and its content hash must not depend on the host.
        """
        path = RULE_KEYS.get(rule)
        if path is None:
            return ""
        span = self.policy_places.key_span(path)
        own = str(self.directory / POLICY_NAME)
        return f"{POLICY_NAME if span.file == own else span.file}:{span.line}"


class _Reader:
    """Reads files one after the other and keeps what each had to say."""

    def __init__(self) -> None:
        self.found: list[Diagnostic] = []
        self.texts: dict[str, str] = {}

    def read(self, model: type[M], path: Path, name: str) -> tuple[M | None, SourceMap]:
        shown = str(path)
        try:
            document = load_yaml(path, shown)
        except UserError as error:
            self.found.extend(error.diagnostics)
            return None, SourceMap(Source(shown, ""), None)
        self.texts[name] = document.text
        value, diagnostics = read_model(model, document)
        self.found.extend(diagnostics)
        return (None if diagnostics else value), document.places


def load_project(
    directory: Path, *, policy: Path | None = None, universe: Path | None = None
) -> Project:
    """Read `paperbot.yaml`, `policy.yaml`, `universe.yaml` and `strategies.d/*.yaml`.

    `policy` and `universe` replace the files of those names. A missing `paperbot.yaml` means its
    defaults (DRY_RUN, read-only, every strategy), with a warning.

    Raises:
        UserError: all diagnostics of all files: PB1xxx, PB2001 to PB2011, PB3xxx, PB4xxx.
    """
    reader, warnings = _Reader(), list[Diagnostic]()
    settings, settings_places = _read_settings(reader, directory, warnings)
    policy_file, policy_places = reader.read(
        PolicyFile, policy or directory / POLICY_NAME, POLICY_NAME
    )
    universe_file, universe_places = reader.read(
        UniverseFile, universe or directory / UNIVERSE_NAME, UNIVERSE_NAME
    )
    strategies = list(_read_strategies(reader, directory))
    references = cross_check(
        settings=(settings, settings_places),
        policy=(policy_file, policy_places),
        universe=(universe_file, universe_places),
        strategies=[(loaded.file, loaded.places) for loaded in strategies],
        strategies_complete=not reader.found,
    )
    for diagnostic in references:
        is_error = diagnostic.severity is Severity.ERROR
        (reader.found if is_error else warnings).append(diagnostic)
    if reader.found or settings is None or policy_file is None or universe_file is None:
        raise UserError([*reader.found, *warnings])
    return Project(
        directory,
        settings,
        policy_file,
        universe_file,
        {
            file.name: replace(loaded, file=file)
            for loaded in strategies for file in variants(loaded.file)
        },
        reader.texts,
        settings_places,
        policy_places,
        universe_places,
        tuple(sorted(warnings, key=lambda d: d.sort_key)),
    )


def _read_settings(
    reader: _Reader, directory: Path, warnings: list[Diagnostic]
) -> tuple[Settings | None, SourceMap]:
    path = directory / SETTINGS_NAME
    if path.exists() or not directory.is_dir():
        return reader.read(Settings, path, SETTINGS_NAME)
    message = f"no `{SETTINGS_NAME}`: mode DRY_RUN, read-only, every strategy, on the sandbox"
    warnings.append(Diagnostic("PB1014", message, Span(str(path)), Severity.WARNING))
    return Settings(), SourceMap(Source(str(path), ""), None)


def _read_strategies(reader: _Reader, directory: Path) -> Iterator[LoadedStrategy]:
    folder = directory / STRATEGIES_NAME
    if not folder.is_dir():
        message = f"the directory `{folder}` does not exist"
        reader.found.append(user_error("PB1001", message, file=str(folder)).diagnostics[0])
        return
    for path in sorted((*folder.glob("*.yaml"), *folder.glob("*.yml"))):
        file, places = reader.read(StrategyFile, path, f"{STRATEGIES_NAME}/{path.name}")
        if file is not None:
            yield LoadedStrategy(file, places, path, reader.texts[f"{STRATEGIES_NAME}/{path.name}"])
