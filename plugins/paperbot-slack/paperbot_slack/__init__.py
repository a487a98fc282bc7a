"""The `slack` notifier: notices to a Slack incoming webhook."""

from __future__ import annotations

import os

from pydantic import Field

from paperbot_core.api import Component, Notifier, StrictModel, hookimpl


class SlackOptions(StrictModel):
    """How long to try; the address is a secret and comes from `SLACK_WEBHOOK_URL`."""

    timeout_sec: int = Field(default=4, ge=1, le=60, description="for one request")
    retry_wait_sec: int = Field(
        default=3, ge=0, le=60, description="longest pause Slack may ask for before a second try"
    )


def _build(options: SlackOptions) -> Notifier:
    from paperbot_slack.webhook import SlackWebhook, webhook_url

    url = webhook_url(os.environ)
    return SlackWebhook(url, timeout_s=options.timeout_sec, wait_s=options.retry_wait_sec)


@hookimpl
def register_notifiers() -> list[Component[Notifier]]:
    """Announce the notifier."""
    return [
        Component(
            name="slack",
            config=SlackOptions,
            build=_build,
            summary="posts notices to a Slack channel through an incoming webhook",
        )
    ]
