"""A web server on this machine that serves files and has bad days, for tests of sources.

Example: `with Archive({"/20180901.csv.gz": content}) as archive:`, then
`archive.faults = [Fault(status=429)]` and `fetch(archive.url + "/20180901.csv.gz")`.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

_RANGE = re.compile(r"bytes=(\d+)-")


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with one answer.

    Attributes:
        status: of the answer; with 200 the file is served.
        headers: of the answer, over those it would have.
        cut: hang up after so many bytes of the body.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: int | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """A request that arrived: path with query, headers with lower-case names."""

    path: str
    headers: Mapping[str, str]


class Archive:
    """The server. `files` by path and `faults` (one an answer, first to last) may be changed.

    Serves byte ranges, and the MD5 as ETag, as object stores do. `answer` may make bodies for
    paths that are no file; None is 404. Use it as a context manager.
    """

    def __init__(
        self,
        files: Mapping[str, bytes] | None = None,
        answer: Callable[[str], bytes | None] = lambda _path: None,
    ) -> None:
        self.files = dict(files or {})
        self.faults: list[Fault | None] = []
        self.requests: list[Request] = []
        self.answer = answer
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def paths(self) -> list[str]:
        """Return the paths asked for so far."""
        return [request.path for request in self.requests]

    def _handler(archive) -> type[BaseHTTPRequestHandler]:  # noqa: N805 - `self` is the handler's
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                archive.requests.append(Request(self.path, headers))
                fault = (archive.faults.pop(0) if archive.faults else None) or Fault()
                body = archive.files.get(self.path)
                body = archive.answer(self.path) if body is None else body
                if fault.status != 200:
                    self._send(fault.status, b"", fault, {})
                elif body is None:
                    self._send(404, b"", fault, {})
                else:
                    self._serve(body, headers, fault)

            def _serve(self, body: bytes, asked: Mapping[str, str], fault: Fault) -> None:
                etag = f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'
                found = _RANGE.fullmatch(asked.get("range", ""))
                if found and asked.get("if-range", etag) == etag:
                    start = int(found[1])
                    self._send(206, body[start:], fault, {"ETag": etag})
                else:
                    self._send(200, body, fault, {"ETag": etag})

            def _send(
                self, status: int, body: bytes, fault: Fault, headers: Mapping[str, str]
            ) -> None:
                self.send_response(status)
                known = {"Content-Length": str(len(body)), **headers, **fault.headers}
                for name, value in known.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body[: fault.cut])

            def log_message(self, format: str, *args: object) -> None:
                return

            def handle(self) -> None:
                try:
                    super().handle()
                except (BrokenPipeError, ConnectionResetError):
                    return  # the client gave up, which is what some tests want

        return Handler
