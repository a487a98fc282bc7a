"""Coverage-guided fuzzing of everything that reads a user's YAML, up to the compiled strategy.

Not part of the test suite, for it needs atheris (`pip install atheris`) and has no end by itself:
`python tests/fuzz/fuzz_project_files.py -max_total_time=60`. An exception other than our own
diagnostics is a finding.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

atheris: Any = importlib.import_module("atheris")  # it ships no types
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

with atheris.instrument_imports(include=["paperbot_core.config", "paperbot_core.lang"]):
    from paperbot_core.config.reading import read_model
    from paperbot_core.config.schemas import SCHEMAS
    from paperbot_core.config.strategy import StrategyFile
    from paperbot_core.config.yaml_source import parse_yaml
    from paperbot_core.diagnostics import UserError
    from paperbot_core.diagnostics.render import render_full
    from paperbot_core.lang.strategy import compile_strategy


def one_input(raw: bytes) -> None:
    """Read `raw` as each kind of file; compile it if it is a strategy."""
    text = raw.decode("utf-8", "ignore")
    try:
        document = parse_yaml(text, "fuzz.yaml")
    except UserError as error:
        render_full(error.diagnostics)
        return
    for model in SCHEMAS.values():
        value, diagnostics = read_model(model, document)
        render_full(diagnostics)
        if isinstance(value, StrategyFile):
            try:
                compile_strategy(value, places=document.places)
            except UserError as error:
                render_full(error.diagnostics)


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
