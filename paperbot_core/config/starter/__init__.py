"""The project that `paperbot init` writes: the shipped files, with two strategies."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

from paperbot_core.config.schemas import SCHEMAS, json_schema
from paperbot_core.diagnostics import user_error

_STRATEGIES = ("donchian_atr", "sma_cross")
_GITIGNORE = "state/\n.env\n"


def starter_files() -> dict[str, str]:
    """Return the text of each file of a new project by its path in it."""
    here = files(__name__)
    names = {f"{name}.yaml": f"{name}.yaml" for name in ("paperbot", "policy", "universe")}
    names |= {f"strategies.d/{name}.yaml": f"{name}.yaml" for name in _STRATEGIES}
    texts = {path: (here / name).read_text("utf-8") for path, name in names.items()}
    for kind in SCHEMAS:
        texts[f".schema/{kind}.json"] = json.dumps(json_schema(kind), indent=2) + "\n"
    return texts | {".gitignore": _GITIGNORE}


def write_project(directory: Path) -> list[Path]:
    """Write a new project and return its files.

    A `.gitignore` that is already there stays as it is.

    Raises:
        UserError: PB1015 if any file is already there (nothing is written then), PB1016 if the
            directory cannot be written.
    """
    texts = starter_files()
    if (directory / ".gitignore").exists():
        del texts[".gitignore"]
    if taken := [name for name in texts if (directory / name).exists()]:
        names = ", ".join(f"`{name}`" for name in taken)
        raise user_error(
            "PB1015",
            f"already there: {names}",
            file=str(directory),
            help="choose an empty directory, or move the files away",
        )
    written: list[Path] = []
    try:
        for name, text in texts.items():
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as stream:
                stream.write(text)
            written.append(path)
    except OSError as error:
        for path in written:
            path.unlink(missing_ok=True)
        message = f"`{error.filename}` cannot be written: {error.strerror}"
        raise user_error("PB1016", message, file=str(directory)) from error
    return written
