"""Which mode a session may run in: a flag can lower it, nothing can raise it."""

from __future__ import annotations

from paperbot_core.config.project import Project
from paperbot_core.diagnostics import Diagnostic, RefusedError
from paperbot_core.domain.words import Mode


def effective_mode(project: Project, asked: Mode | None) -> Mode:
    """Return the mode of a session.

    Raises:
        RefusedError: PB8001 the flag asks for more than paperbot.yaml or the policy allow, PB8002
            LIVE.
    """
    written = project.settings.mode
    highest = min(written, project.policy.modes.highest, key=lambda mode: mode.rank)
    mode = highest if asked is None else asked
    if mode.rank > highest.rank:
        raise RefusedError(Diagnostic(
            "PB8001", f"`--mode {mode}` would raise the mode: at most {highest} is allowed",
            expected=f"at most {highest} (`mode` of paperbot.yaml is {written}, `modes.highest` of "
            f"policy.yaml {project.policy.modes.highest})",
            help="change `mode` in paperbot.yaml; a flag may only lower it",
        ))  # fmt: skip
    if mode is Mode.LIVE:
        raise RefusedError(Diagnostic(
            "PB8002", "LIVE trading is not part of this version",
            help="run with `--mode PAPER`: the same step, on simulated fills",
        ))  # fmt: skip
    return mode
