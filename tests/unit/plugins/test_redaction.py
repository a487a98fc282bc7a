"""Secrets do not survive in what is said about errors of plugins."""

from __future__ import annotations

import pytest

from paperbot_core.diagnostics.redact import describe_error, redact

SECRET = "s3cr3t-value-9"


@pytest.mark.parametrize(
    "name", ["BINANCE_SPOT_API_KEY", "X_SECRET", "MY_TOKEN", "DB_PASSWORD", "SLACK_WEBHOOK_URL"]
)
def test_values_of_secret_variables_are_masked(name: str) -> None:
    assert redact(f"sent {SECRET} to it", {name: SECRET}) == "sent *** to it"


def test_other_variables_and_short_values_stay() -> None:
    assert (
        redact("home is /root, key a", {"HOME": "/root", "API_KEY": "a"}) == "home is /root, key a"
    )


def test_a_secret_inside_a_longer_one_leaves_no_tail() -> None:
    environ = {"A_KEY": "abcdef", "B_KEY": "abcdef-and-more"}
    assert redact("got abcdef-and-more", environ) == "got ***"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("GET /order?symbol=X&signature=1a2b&x=1", "GET /order?symbol=X&signature=***&x=1"),
        ('{"apiKey": "k123", "secret":"z"}', '{"apiKey": "***", "secret":"***"}'),
        ("https://user:pw@host/path", "https://***@host/path"),
        ("POST https://hooks.slack.com/services/T0/B0/xyz", "POST https://hooks.slack.com/***"),
        ("nothing to hide", "nothing to hide"),
    ],
)
def test_secrets_that_look_like_it_are_masked(text: str, expected: str) -> None:
    assert redact(text, {}) == expected


def test_an_error_is_described_in_one_short_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALPHA_TOKEN", SECRET)
    assert describe_error(ValueError(f"bad {SECRET}\nmore lines")) == "ValueError: bad ***"
    assert describe_error(KeyboardInterrupt()) == "KeyboardInterrupt"
    assert len(describe_error(ValueError("x" * 5_000))) == 300
