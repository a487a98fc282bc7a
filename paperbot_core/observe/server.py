"""Serves the metrics of a session on loopback, for Prometheus to scrape."""

from __future__ import annotations

from types import TracebackType

from paperbot_core.diagnostics import user_error
from paperbot_core.observe.metrics import SessionMetrics


class MetricsServer:
    """An HTTP server in a thread of its own, up inside its `with` block."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        """Prepare to listen; other machines reach it only through a proxy of yours."""
        self.metrics = SessionMetrics()
        self._port, self._host = port, host

    def __enter__(self) -> MetricsServer:
        """Start listening.

        Raises:
            UserError: PB8016 the port is taken.
        """
        from prometheus_client import start_http_server

        try:
            self._server, self._thread = start_http_server(
                self._port, addr=self._host, registry=self.metrics.registry
            )
        except OSError as error:
            raise user_error(
                "PB8016", f"metrics cannot be served on {self._host}:{self._port}: "
                f"{error.strerror or error}", help="choose another `metrics.port`",
            ) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
