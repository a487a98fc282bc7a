"""Files from a server on this machine that behaves as servers do on bad days."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from paperbot_core.api.fetch import (
    check_base_url,
    discard,
    fetch,
    fetch_file,
    kept,
    retry_after_s,
    shown,
)
from paperbot_core.diagnostics import DataError, PaperbotError, RetryableError, UserError
from paperbot_core.testing.archive import Archive, Fault

BODY = bytes(range(256)) * 4_000


@pytest.fixture
def archive() -> Iterator[Archive]:
    with Archive({"/a/file.gz": BODY}) as made:
        yield made


def test_a_file_is_fetched_once(archive: Archive, tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file.gz"
    assert fetch_file(archive.url + "/a/file.gz", path)
    assert path.read_bytes() == BODY
    assert fetch_file(archive.url + "/a/file.gz", path)
    assert len(archive.requests) == 1
    assert fetch_file(archive.url + "/a/file.gz", path, refresh=True)
    assert len(archive.requests) == 2
    assert sorted(p.name for p in path.parent.iterdir()) == ["file.gz", "file.gz.sha256"]


def test_a_file_that_rotted_is_fetched_again(archive: Archive, tmp_path: Path) -> None:
    path = tmp_path / "file.gz"
    fetch_file(archive.url + "/a/file.gz", path)
    path.write_bytes(BODY[:-1])
    assert not kept(path)
    assert fetch_file(archive.url + "/a/file.gz", path)
    assert path.read_bytes() == BODY
    discard(path)
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_there_is_said_so(archive: Archive, tmp_path: Path) -> None:
    assert not fetch_file(archive.url + "/a/none.gz", tmp_path / "x")
    assert fetch(archive.url + "/a/none").body is None
    assert list(tmp_path.iterdir()) == []


def test_a_broken_transfer_goes_on_where_it_ended(archive: Archive, tmp_path: Path) -> None:
    path = tmp_path / "file.gz"
    archive.faults = [Fault(cut=700_000)]
    with pytest.raises(RetryableError, match="PB6210"):
        fetch_file(archive.url + "/a/file.gz", path)
    assert not path.exists()
    assert fetch_file(archive.url + "/a/file.gz", path)
    assert path.read_bytes() == BODY
    begun = int(archive.requests[1].headers["range"].removeprefix("bytes=").rstrip("-"))
    assert 0 < begun <= 700_000


def test_a_file_that_changed_meanwhile_begins_anew(archive: Archive, tmp_path: Path) -> None:
    path = tmp_path / "file.gz"
    archive.faults = [Fault(cut=700_000)]
    with pytest.raises(RetryableError):
        fetch_file(archive.url + "/a/file.gz", path)
    archive.files["/a/file.gz"] = BODY[::-1]
    assert fetch_file(archive.url + "/a/file.gz", path)
    assert path.read_bytes() == BODY[::-1]


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_busy_servers_are_worth_another_try(
    archive: Archive, tmp_path: Path, status: int
) -> None:
    archive.faults = [Fault(status=status, headers={"Retry-After": "7"})] * 2
    for call in (lambda url: fetch_file(url, tmp_path / "x"), fetch):
        with pytest.raises(RetryableError, match=f"PB6210.*{status}") as caught:
            call(archive.url + "/a/file.gz")
        assert caught.value.retry_after_s == 7.0


@pytest.mark.parametrize("status", [400, 401, 403, 451])
def test_refusals_are_final(archive: Archive, tmp_path: Path, status: int) -> None:
    archive.faults = [Fault(status=status)]
    with pytest.raises(DataError, match=f"PB6211.*{status}"):
        fetch_file(archive.url + "/a/file.gz", tmp_path / "x")


@pytest.mark.parametrize(
    "headers",
    [
        {"ETag": f'"{hashlib.md5(b"other").hexdigest()}"'},
        {"Content-MD5": base64.b64encode(hashlib.md5(b"other").digest()).decode()},
        {"Content-MD5": "no base64"},
    ],
)
def test_a_wrong_checksum_of_the_server_is_found(
    archive: Archive, tmp_path: Path, headers: dict[str, str]
) -> None:
    archive.faults = [Fault(headers=headers)]
    with pytest.raises(RetryableError, match="PB6212"):
        fetch_file(archive.url + "/a/file.gz", tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


def test_a_given_checksum_is_compared(archive: Archive, tmp_path: Path) -> None:
    right = hashlib.sha256(BODY).hexdigest()
    assert fetch_file(archive.url + "/a/file.gz", tmp_path / "x", sha256=right.upper())
    with pytest.raises(RetryableError, match="PB6212"):
        fetch_file(archive.url + "/a/file.gz", tmp_path / "x", sha256="0" * 64)


def test_an_etag_of_parts_is_no_checksum(archive: Archive, tmp_path: Path) -> None:
    archive.faults = [Fault(headers={"ETag": '"d41d8cd98f00b204e9800998ecf8427e-7"'})]
    assert fetch_file(archive.url + "/a/file.gz", tmp_path / "x")


def test_a_small_answer_may_not_be_long(archive: Archive) -> None:
    with pytest.raises(DataError, match="PB6211"):
        fetch(archive.url + "/a/file.gz", bytes_max=1_000)
    archive.faults = [Fault(cut=700_000)]
    with pytest.raises(RetryableError, match="PB6210"):
        fetch(archive.url + "/a/file.gz")


def test_a_dead_server_is_worth_another_try(tmp_path: Path) -> None:
    with Archive({}) as gone:
        url = gone.url
    with pytest.raises(RetryableError, match="PB6210"):
        fetch_file(url + "/x", tmp_path / "x")
    with pytest.raises(RetryableError, match="PB6210"):
        fetch(url + "/x")


@pytest.mark.parametrize(
    ("text", "wait"),
    [
        ("5", 5.0),
        ("999999999", 86_400.0),
        ("Wed, 21 Oct 2026 07:28:30 GMT", 30.0),
        ("Wed, 21 Oct 2026 07:27:00 GMT", 0.0),
        ("", None),
        ("soon", None),
        ("-5", None),
    ],
)
def test_retry_after_is_read(text: str, wait: float | None) -> None:
    assert retry_after_s(text, "Wed, 21 Oct 2026 07:28:00 GMT") == wait


@pytest.mark.parametrize("url", ["", "file:///etc/passwd", "example.com/x", "http://[", "ftp://x"])
def test_only_the_web_is_fetched_from(url: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="PB6213"):
        check_base_url(url)
    with pytest.raises((PaperbotError, ValueError)):
        fetch_file(url, tmp_path / "x")


def test_what_may_be_secret_is_not_shown() -> None:
    assert shown("https://me:secret@host:8443/a/b?key=secret#x") == "https://host:8443/a/b"
    assert check_base_url("https://host/a/") == "https://host/a"
