"""The `sandbox` exchange: a synthetic market that is the same everywhere for the same seed."""

from paperbot_core.api import Component, Exchange, hookimpl
from paperbot_sandbox.options import SandboxOptions


def _build(options: SandboxOptions) -> Exchange:
    # numpy is imported when somebody trades here, not when plugins are listed.
    from paperbot_sandbox.exchange import Sandbox

    return Sandbox(options)


@hookimpl
def register_exchanges() -> list[Component[Exchange]]:
    """Announce the sandbox."""
    return [
        Component(
            name="sandbox",
            config=SandboxOptions,
            build=_build,
            summary="an offline synthetic market: same seed, same candles, no network",
        )
    ]
