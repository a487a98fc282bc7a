"""Notices reach a webhook on this machine, and nothing the webhook does can hurt or leak."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import paperbot_slack
import pytest
from paperbot_slack.blocks import blocks, fallback
from paperbot_slack.webhook import VARIABLE, SlackWebhook

from paperbot_core.api import NoticeSeverity, PluginError, RetryableError, UserError
from paperbot_core.testing.builders import a_notice, plugins_of
from paperbot_core.testing.contracts import NotifierContract, run

SECRET = "T000/B000/verysecretpath"


class Slack:
    """A webhook on loopback that gives prepared answers, then 200."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict[str, str]]] = []
        self.requests: list[dict[str, Any]] = []
        self.hang_s = 0.0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.requests.append(json.loads(body))
                time.sleep(outer.hang_s)
                status, headers = outer.answers.pop(0) if outer.answers else (200, {})
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, format: str, *args: object) -> None:
                return

            def handle(self) -> None:
                try:
                    super().handle()
                except (BrokenPipeError, ConnectionResetError):
                    return  # the client gave up, which is what some tests want

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/services/{SECRET}"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def slack(monkeypatch: pytest.MonkeyPatch) -> Iterator[Slack]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    made = Slack()
    yield made
    made.close()


class TestSlackContract(NotifierContract):
    @pytest.fixture(autouse=True)
    def _stand_in(self, slack: Slack) -> None:
        self.slack = slack

    def make(self) -> SlackWebhook:
        return SlackWebhook(self.slack.url)

    def delivered(self) -> list[str]:
        return [json.dumps(request) for request in self.slack.requests]


def test_the_message_has_blocks_and_a_text(slack: Slack) -> None:
    notice = a_notice(
        kind="halt",
        title="halted by <!channel>",
        text="MAX_DRAWDOWN & co",
        severity=NoticeSeverity.CRITICAL,
        facts={"equity": "9000.00", "limit": "10 %"},
    )
    run(SlackWebhook(slack.url).notify(notice))
    (request,) = slack.requests
    assert request["text"] == (
        ":octagonal_sign: halted by &lt;!channel&gt;\nMAX_DRAWDOWN &amp; co\n"
        "equity 9000.00, limit 10 %"
    )
    kinds = [block["type"] for block in request["blocks"]]
    assert kinds == ["header", "section", "section", "context"]
    assert request["blocks"][2]["fields"][0]["text"] == "equity\n9000.00"


def test_messages_stay_within_what_slack_accepts() -> None:
    notice = a_notice(
        title="t" * 500, text="&" * 9_000, facts={f"f{k}": "v" * 5_000 for k in range(99)}
    )
    made = blocks(notice)
    assert len(made) <= 50
    assert len(made[0]["text"]["text"]) <= 150
    assert len(made[1]["text"]["text"]) <= 3_000
    assert all(len(block["fields"]) <= 10 for block in made[2:-1])
    assert all(len(f["text"]) <= 2_000 for block in made[2:-1] for f in block["fields"])
    assert "59 more facts" in made[-1]["elements"][0]["text"]
    assert len(fallback(notice)) <= 3_000


def test_a_rate_limit_is_obeyed_and_tried_again(slack: Slack) -> None:
    slack.answers = [(429, {"Retry-After": "0"})]
    run(SlackWebhook(slack.url).notify(a_notice()))
    assert len(slack.requests) == 2


@pytest.mark.parametrize("after", ["3600", "soon", "", "-1"])
def test_a_long_rate_limit_is_left_to_the_outbox(slack: Slack, after: str) -> None:
    slack.answers = [(429, {"Retry-After": after})] * 3
    with pytest.raises(RetryableError, match="429"):
        run(SlackWebhook(slack.url).notify(a_notice()))
    assert len(slack.requests) == 1


def test_one_server_error_is_retried_two_are_reported(slack: Slack) -> None:
    slack.answers = [(500, {})]
    run(SlackWebhook(slack.url).notify(a_notice()))
    slack.answers = [(503, {}), (503, {})]
    with pytest.raises(RetryableError, match=r"PB5040.*503"):
        run(SlackWebhook(slack.url).notify(a_notice()))
    assert len(slack.requests) == 4


@pytest.mark.parametrize("status", [400, 403, 404, 410])
def test_a_refusal_is_not_worth_another_try(slack: Slack, status: int) -> None:
    slack.answers = [(status, {})] * 2
    with pytest.raises(PluginError, match=f"PB5040.*{status}"):
        run(SlackWebhook(slack.url).notify(a_notice()))
    assert len(slack.requests) == 1


def test_a_hanging_webhook_ends_at_the_limit(slack: Slack) -> None:
    slack.hang_s = 3.0
    begun = time.monotonic()
    with pytest.raises(RetryableError, match="PB5040"):
        run(SlackWebhook(slack.url, timeout_s=1, wait_s=0).notify(a_notice()))
    assert time.monotonic() - begun < 2.9


def test_a_dead_address_is_retryable() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    with pytest.raises(RetryableError, match="could not be reached"):
        run(SlackWebhook(f"http://127.0.0.1:{port}/{SECRET}").notify(a_notice()))


def test_a_server_that_hangs_up_is_retryable() -> None:
    def hang_up(listener: socket.socket) -> None:
        for _ in range(4):
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connection.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=hang_up, args=(listener,), daemon=True).start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/{SECRET}"
        with pytest.raises(RetryableError, match="PB5040"):
            run(SlackWebhook(url).notify(a_notice()))


def test_the_address_appears_nowhere(slack: Slack, caplog: pytest.LogCaptureFixture) -> None:
    webhook = SlackWebhook(slack.url)
    said = [repr(webhook), str(webhook)]
    slack.answers = [(500, {}), (500, {}), (404, {})]
    with caplog.at_level(logging.DEBUG):
        for _ in range(2):
            with pytest.raises((RetryableError, PluginError)) as caught:
                run(webhook.notify(a_notice()))
            said.append(f"{caught.value!r} {caught.value.__cause__!r}")
        dead = SlackWebhook(f"http://127.0.0.1:9/{SECRET}")
        with pytest.raises(RetryableError) as refused:
            run(dead.notify(a_notice()))
        said.append(repr(refused.value))
    assert SECRET not in " ".join(said) + caplog.text


def test_the_address_comes_from_the_environment(
    slack: Slack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, slack.url)
    notifier = plugins_of({"paperbot-slack": paperbot_slack}).build("notifier", "slack")
    run(notifier.notify(a_notice()))
    assert len(slack.requests) == 1


@pytest.mark.parametrize(
    "url",
    ["", "hooks.slack.com/x", "http://hooks.slack.com/x", "ftp://x/y", "https://", "http://[bad"],
)
def test_a_bad_address_is_refused_without_showing_it(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv(VARIABLE, url)
    with pytest.raises(UserError, match="PB5041") as caught:
        plugins_of({"paperbot-slack": paperbot_slack}).build("notifier", "slack")
    assert not url or url not in str(caught.value) or url == "https://"


def test_the_address_is_not_an_option() -> None:
    with pytest.raises(UserError, match="PB5009") as caught:
        plugins_of({"s": paperbot_slack}).build("notifier", "slack", {"url": SECRET})
    assert SECRET not in str(caught.value)
