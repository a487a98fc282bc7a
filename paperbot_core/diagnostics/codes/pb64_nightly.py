"""PB64xx: the nightly job."""

from __future__ import annotations

from paperbot_core.diagnostics.codes.code import Code

CODES: list[Code] = [
    Code(
        "PB6401",
        "another nightly job is at work",
        "Two nightly jobs of one project were started, and the first has not finished.",
        "They would fetch the same bars and write the same reports.",
        "a cron line and `data.nightly.in_session: true` for the same project",
        "Wait for the other one; start the job from one place only.",
    ),
    Code(
        "PB6402",
        "two nightly jobs write one series",
        "A market of one venue and timeframe is named twice in `data.nightly.jobs`.",
        "Two sources never agree to the last digit: the series would change back and forth.",
        "BTC/USDT 1h of venue `binance` from `ccxt` and from `binance_archive`",
        "Name it once, or give the second source a venue of its own.",
    ),
    Code(
        "PB6403",
        "the nightly job has nothing to do",
        "`data.nightly.jobs` of paperbot.yaml is empty, or no job is of the source asked for.",
        "A job that does nothing would look like one that succeeds.",
        "paperbot data nightly --only kraken, where no job says `source: kraken`",
        "Add a job, or name a source that has one.",
    ),
    Code(
        "PB6404",
        "a series ended with an unexpected error",
        "The disk, a library or Paperbot itself failed while one series was brought up to date.",
        "The other series go on; this one is as it was before, or in part newer, never broken.",
        "a disk that is full",
        "Read the message; run `paperbot data nightly` again, it goes on where this ended.",
    ),
    Code(
        "PB6405",
        "fetching one series took too long",
        "The source had not delivered everything after `data.nightly.timeout_min` minutes.",
        "A source that hangs must not hold up the others.",
        "ten years of minutes of a new market, from an exchange that gives 500 bars an answer",
        "Nothing, if bars came: the next run goes on from there. Else look at the source.",
    ),
    Code(
        "PB6406",
        "an alert of the nightly job did not arrive",
        "The notifier is missing, failed, or took too long.",
        "The job itself is not changed by that, nor is its exit code; the report says so.",
        "a Slack webhook that was revoked",
        "Look at `alerts` in paperbot.yaml and at the secret of the notifier.",
    ),
    Code(
        "PB6407",
        "the report of the nightly job cannot be written",
        "The folder `nightly` of the state directory cannot be made or written.",
        "A job that leaves no report cannot be looked into.",
        "a state directory of another user, or a full disk",
        "Make room, or make the folder writable; then run the job again.",
    ),
    Code(
        "PB6408",
        "the nightly job of a session failed",
        "The session started the job at its time and it found something, or could not be run.",
        "Trading goes on; the data lake may be behind.",
        "an exchange that was down all night",
        "Look at the report under `nightly` of the state directory; `paperbot data nightly` does "
        "what is left.",
    ),
]
