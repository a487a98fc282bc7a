"""What every test gets: no network but loopback, one hypothesis profile, no plugins by accident."""

from __future__ import annotations

import ipaddress
import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parents[1]

# Machines of a CI are slow and shared: how long an example takes says nothing.
_QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large]
settings.register_profile(
    "default", max_examples=50, deadline=None, print_blob=True, suppress_health_check=_QUIET
)
settings.register_profile(
    "long", max_examples=2_000, deadline=None, print_blob=True, suppress_health_check=_QUIET
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


def _is_loopback(host: str) -> bool:
    if host in {"", "localhost"}:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _refuse_network(event: str, args: tuple[object, ...]) -> None:
    """Audit hook: it also sees sockets that a C library or asyncio opens, a patch does not."""
    if event == "socket.connect":
        address = args[1]
        host = str(address[0]) if isinstance(address, tuple) else ""
    elif event == "socket.getaddrinfo":
        raw = args[0]
        host = raw.decode() if isinstance(raw, bytes) else str(raw or "")
    else:
        return
    if not _is_loopback(host):
        raise RuntimeError(f"a test tried to reach {host}: only loopback is allowed")


sys.addaudithook(_refuse_network)


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the top of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def market_data() -> Path:
    """Return the folder of real market data, or skip: it is not part of the project."""
    value = os.environ.get("PAPERBOT_MARKET_DATA")
    if not value or not Path(value).is_dir():
        pytest.skip("PAPERBOT_MARKET_DATA does not name a folder of market data")
    return Path(value)
