"""Files from the web, for sources of history: one attempt a call, resumed, verified, kept.

A failure that may pass is a RetryableError; who called waits and calls again. Only the standard
library is used, imported when something is fetched.
"""

from __future__ import annotations

import hashlib
import http.client
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from paperbot_core.diagnostics import DataError, Diagnostic, RetryableError, Span, user_error

_CHUNK = 1 << 18
_NOT_FOUND = (404, 410)
#: Answers that say nothing about the file itself.
_PASSING = (408, 425, 429)
_SERVER_ERROR = 500
_PARTIAL = 206
_RANGE_REFUSED = 416
_MD5_DIGITS = 32
_RETRY_AFTER_MAX_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said: `body` is None if it has no such file (404, 410); names lower case."""

    body: bytes | None
    headers: Mapping[str, str]


def shown(url: str) -> str:
    """Return an address without what may be secret: user, password, query."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.port:
        host = f"{host}:{parts.port}"
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def check_base_url(url: str) -> str:
    """Return the address without a slash at its end.

    Raises:
        UserError: PB6213, it is no http(s) address.
    """
    try:
        parts = urlsplit(url)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        good = False
    if not good:
        raise user_error("PB6213", f"`{url[:80]}` is no address", expected="https://host/path")
    return url.rstrip("/")


def fetch(url: str, *, timeout_s: float = 30.0, bytes_max: int = 64 << 20) -> Answer:
    """Return a small answer in memory, complete.

    Raises:
        RetryableError: PB6210, no or a broken answer, 429 or a failure of the server.
        DataError: PB6211, the server refuses, or the answer is longer than `bytes_max`.
    """
    try:
        with _open(url, {}, timeout_s) as opened:
            body: bytes = opened.read(bytes_max + 1)
            headers = _lower(opened.headers)
    except urllib.error.HTTPError as error:
        return Answer(None, _answered(error, url))
    except (OSError, http.client.HTTPException) as error:
        raise _unreachable(url, error) from None
    if len(body) > bytes_max:
        raise DataError(Diagnostic("PB6211", f"`{shown(url)}` is longer than {bytes_max:,} bytes"))
    _check_length(len(body), headers, url)
    return Answer(body, headers)


def fetch_file(
    url: str,
    path: Path,
    *,
    sha256: str | None = None,
    timeout_s: float = 60.0,
    refresh: bool = False,
) -> bool:
    """Have the file at `url` in `path`, complete and verified; return False if there is none.

    What is there already and has its recorded checksum is not fetched again, unless `refresh`. A
    transfer that broke goes on where it ended if the server can. The bytes are compared with
    `sha256`, with a Content-MD5 header and with an ETag that is an MD5, where there are any; their
    own SHA-256 is kept beside the file in `<name>.sha256`.

    Raises:
        RetryableError: PB6210, as `fetch`; or PB6212, the bytes are not those of the checksum.
        DataError: PB6211, the server refuses.
    """
    if not refresh and kept(path) and sha256 in (None, file_digest(path)):
        return True
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    tag = path.with_name(f"{path.name}.part-etag")
    if refresh:
        _forget(part, tag)
    headers = _transfer(url, part, tag, timeout_s)
    if headers is None:
        return False
    _verify(part, headers, sha256, url, tag)
    digest = file_digest(part)
    part.replace(path)
    tag.unlink(missing_ok=True)
    _checksum_path(path).write_text(f"{digest}  {path.name}\n", "utf-8")
    return True


def kept(path: Path) -> bool:
    """Return whether `path` is there with the SHA-256 that was recorded when it was fetched."""
    record = _checksum_path(path)
    if not (path.is_file() and record.is_file()):
        return False
    return record.read_text("utf-8").split()[:1] == [file_digest(path)]


def file_digest(path: Path, kind: str = "sha256") -> str:
    """Return the checksum of a file in hex."""
    digest = hashlib.new(kind, usedforsecurity=False)
    with path.open("rb") as opened:
        while chunk := opened.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def discard(path: Path) -> None:
    """Remove a kept file that turned out to be damaged, so that it is fetched again."""
    _forget(path, _checksum_path(path))


def _forget(*paths: Path) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def _checksum_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _open(url: str, headers: dict[str, str], timeout_s: float) -> Any:
    if urlsplit(url).scheme not in {"http", "https"}:
        raise user_error("PB6213", f"`{shown(url)}` is no web address", expected="https://...")
    request = urllib.request.Request(  # noqa: S310 - the scheme was checked above
        url, headers={"User-Agent": "paperbot", "Accept-Encoding": "identity", **headers}
    )
    return urllib.request.urlopen(request, timeout=timeout_s)  # noqa: S310 - as above


def _transfer(url: str, part: Path, tag: Path, timeout_s: float) -> Mapping[str, str] | None:
    """Bring the rest of a file; return the headers of the answer, None if there is no such file."""
    begun = part.stat().st_size if part.exists() else 0
    known = tag.read_text("utf-8") if tag.exists() else ""
    # Without a tag nobody can say whether the beginning still belongs to the same file.
    asked = {"Range": f"bytes={begun}-", "If-Range": known} if begun and known else {}
    try:
        with _open(url, asked, timeout_s) as opened:
            headers = _lower(opened.headers)
            go_on = opened.status == _PARTIAL
            if etag := headers.get("etag", ""):
                tag.write_text(etag, "utf-8")
            else:
                tag.unlink(missing_ok=True)
            written = 0
            with part.open("ab" if go_on else "wb") as out:
                while chunk := opened.read(_CHUNK):
                    written += out.write(chunk)
            _check_length(written, headers, url)
    except urllib.error.HTTPError as error:
        if error.code == _RANGE_REFUSED:
            _forget(part, tag)
            raise RetryableError(
                Diagnostic("PB6210", f"`{shown(url)}` changed while it was fetched")
            ) from None
        _answered(error, url)
        return None
    except (OSError, http.client.HTTPException) as error:
        raise _unreachable(url, error) from None
    return headers


def _verify(
    part: Path, headers: Mapping[str, str], sha256: str | None, url: str, tag: Path
) -> None:
    import base64
    import binascii

    checks: list[tuple[str, str]] = []
    if sha256 is not None:
        checks.append(("sha256", sha256.lower()))
    etag = headers.get("etag", "").strip('"').lower()
    if len(etag) == _MD5_DIGITS and set(etag) <= set("0123456789abcdef"):
        # Object stores use the MD5 of the content, unless it was uploaded in parts.
        checks.append(("md5", etag))
    if given := headers.get("content-md5"):
        try:
            checks.append(("md5", base64.b64decode(given, validate=True).hex()))
        except (binascii.Error, ValueError):
            checks.append(("md5", given))
    for kind, wanted in checks:
        if (found := file_digest(part, kind)) != wanted:
            _forget(part, tag)
            raise RetryableError(
                Diagnostic(
                    "PB6212",
                    f"`{shown(url)}` has the {kind} {found[:12]}... instead of {wanted[:12]}...",
                    help="the bytes were thrown away",
                )
            )


def _check_length(received: int, headers: Mapping[str, str], url: str) -> None:
    announced = headers.get("content-length", "")
    if announced.isdecimal() and int(announced) != received:
        text = f"`{shown(url)}` broke off after {received:,} of {int(announced):,} bytes"
        raise RetryableError(Diagnostic("PB6210", text))


def _lower(headers: Any) -> dict[str, str]:
    return {str(name).lower(): str(value) for name, value in headers.items()}


def _answered(error: urllib.error.HTTPError, url: str) -> Mapping[str, str]:
    """Return the headers if there is no such file; raise for every other answer."""
    headers = _lower(error.headers or {})
    error.close()
    if error.code in _NOT_FOUND:
        return headers
    text = f"`{shown(url)}` answered {error.code}"
    if error.code in _PASSING or error.code >= _SERVER_ERROR:
        wait = retry_after_s(headers.get("retry-after", ""), headers.get("date", ""))
        raise RetryableError(Diagnostic("PB6210", text), retry_after_s=wait) from None
    raise DataError(
        Diagnostic("PB6211", text, Span(shown(url)), help="is the address of the source right?")
    ) from None


def retry_after_s(text: str, date: str = "") -> float | None:
    """Return the seconds that a Retry-After header asks for, at most a day; None if it says none.

    Args:
        text: the header, a number of seconds or a date.
        date: the Date header of the same answer, which is what a date is compared with.
    """
    value = text.strip()
    if value.isdecimal():
        return min(float(value), _RETRY_AFTER_MAX_S)
    try:
        wait = (parsedate_to_datetime(value) - parsedate_to_datetime(date)).total_seconds()
    except (TypeError, ValueError):
        return None
    return min(max(wait, 0.0), _RETRY_AFTER_MAX_S)


def _unreachable(url: str, error: Exception) -> RetryableError:
    reason = getattr(error, "reason", None)
    kind = type(reason if isinstance(reason, Exception) else error).__name__
    return RetryableError(Diagnostic("PB6210", f"`{shown(url)}` gave no complete answer ({kind})"))
