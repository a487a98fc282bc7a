"""PB80xx: sessions: modes, accounts, feeds."""

from __future__ import annotations

from paperbot_core.diagnostics.codes.code import Code

CODES: list[Code] = [
    Code(
        "PB8001",
        "the mode may only be lowered",
        "`--mode` asks for more than `mode` in paperbot.yaml or `modes.highest` in policy.yaml.",
        "What a program may do with money is written in files that can be reviewed, not in a "
        "command line that is gone after the run.",
        "`paperbot run --mode PAPER` with `mode: DRY_RUN` in paperbot.yaml",
        "Write the mode you want into paperbot.yaml (and allow it in policy.yaml).",
    ),
    Code(
        "PB8002",
        "LIVE is not part of this version",
        "The project asks for LIVE trading.",
        "Real orders need an executor and reconciliation that this version does not have; it "
        "refuses rather than pretend.",
        "`mode: LIVE` in paperbot.yaml and `modes: {highest: LIVE}` in policy.yaml",
        "Run with `--mode PAPER`.",
    ),
    Code(
        "PB8003",
        "journal and session disagree",
        "The cash or the positions that follow from the journal's fills are not those that the "
        "session stored.",
        "One of them is wrong, and deciding on a wrong account is how money is lost.",
        "a journal whose `fills` or `checkpoint` were edited",
        "Run `paperbot ledger verify`, restore a copy, or start anew with `paperbot paper reset`.",
    ),
    Code(
        "PB8004",
        "the stored state cannot be read",
        "The state of the session in the journal is from another version, or is no such state.",
        "Going on from a guess would decide differently than an undisturbed run.",
        "a journal written by a newer paperbot",
        "Use that version, or start anew with `paperbot paper reset`.",
    ),
    Code(
        "PB8005",
        "the account belongs to another market",
        "The exchange or its seed in paperbot.yaml is not the one this account has traded on.",
        "Positions opened at the prices of one market cannot be valued at those of another.",
        "a sandbox account of seed 7, run with `--seed 8`",
        "Put the old `exchange` back, choose another `--state-dir`, or run `paperbot paper reset`.",
    ),
    Code(
        "PB8007",
        "nothing to trade",
        "The exchange has none of the symbols of the enabled strategies.",
        "A session that can never decide anything is a mistake in `universe:` or `exchange:`.",
        "a replay of AAPL with strategies on BTC/USDT",
        "Name symbols of this exchange in universe.yaml, or choose another exchange.",
    ),
    Code(
        "PB8008",
        "a symbol is missing",
        "The exchange does not have a symbol of the universe; it is left out of this session.",
        "The other symbols are not worse for it, so the session goes on.",
        "ADA/USDT in universe.yaml, a replay of a folder without it",
        "Take the symbol out of universe.yaml, or add its bars.",
    ),
    Code(
        "PB8009",
        "an open position changed its timeframe",
        "A strategy holds a position and its `timeframe` was changed.",
        "How long the position was held is counted in bars of the old timeframe.",
        "`timeframe: 1h` changed to `4h` while a position is open",
        "Put the old timeframe back until the position is closed.",
    ),
    Code(
        "PB8010",
        "timeframes that do not divide",
        "The finest timeframe of the enabled strategies does not divide another one.",
        "A session steps on the finest bars and builds the longer ones from them.",
        "strategies on 2h and 3h in one account",
        "Run them in accounts of their own, or choose timeframes that divide.",
    ),
    Code(
        "PB8011",
        "a bar was refused",
        "A bar of the feed is broken: a missing price, high below low, a repetition, or a time "
        "that was already decided.",
        "A wrong bar is worse than none; the symbol counts as absent at that time.",
        "a bar with a NaN close",
        "Nothing, if it happens once. If it happens often, look at the exchange plugin.",
    ),
    Code(
        "PB8012",
        "the policy changed during a session",
        "policy.yaml is not what it was when the session started.",
        "A running session keeps the limits it started with, so that a half-edited file cannot "
        "loosen them.",
        "editing `max_gross_pct` while `paperbot run` is up",
        "Stop the session and start it again. To stop entries at once: `paperbot halt`.",
    ),
    Code(
        "PB8013",
        "a notifier is not available",
        "Alerts are switched on, but the notifier plugin is missing or cannot be built.",
        "Trading goes on without it; the warning says so once.",
        "`alerts: {slack: {enabled: true}}` without paperbot-slack or without SLACK_WEBHOOK_URL",
        "Install the plugin, set its secret in the environment or .env, or switch the alert off.",
    ),
    Code(
        "PB8014",
        "the exchange plugin failed",
        "The stream of bars ended with an error that is not one of ours, or the plugin told splits "
        "and dividends that cannot be.",
        "The plugin broke its contract; the session stopped with everything committed.",
        "a plugin whose `stream_bars` raises KeyError",
        "Report it to the plugin's author and start the session again: it goes on where it was.",
    ),
    Code(
        "PB8015",
        "there is no account yet",
        "No session has run with this state directory.",
        "Status and trades are those of an account.",
        "`paperbot status` in a fresh project",
        "Start one with `paperbot run`, or name the right `--state-dir`.",
    ),
    Code(
        "PB8016",
        "the metrics port is not free",
        "`metrics.port` of paperbot.yaml cannot be listened on.",
        "A session that should be watched does not start unwatched.",
        "two sessions with the same `metrics.port`",
        "Choose another port, or `port: null` for no metrics.",
    ),
    Code(
        "PB8017",
        "a .env that cannot be read",
        "The file `.env` of the project has a line that is not `NAME=value`, or is no text.",
        "A secret that is silently not set turns into a session that tells nobody.",
        "a line `SLACK_WEBHOOK_URL: https://...` in .env",
        "Write one `NAME=value` a line; comments begin with `#`. The line is never printed, since "
        "it may hold a secret.",
    ),
    Code(
        "PB8018",
        "there is no strategy to run",
        "`strategies` of paperbot.yaml is empty, or strategies.d/ holds no strategy.",
        "A session that can decide nothing would look like one that is well.",
        "strategies: []",
        "Name at least one strategy, or remove the key: then every strategy runs.",
    ),
    Code(
        "PB8019",
        "a regime that nothing tells",
        "universe.yaml reads the regime from a symbol that the exchange does not have.",
        "It is a warning: tiers, sizes and rules that depend on the regime do not trade.",
        "regime: {symbol: BTC/USDT} on an exchange without BTC/USDT",
        "Name a symbol of the exchange under `regime` of universe.yaml.",
    ),
    Code(
        "PB8020",
        "splits or dividends of the past have changed",
        "The exchange tells other splits and dividends, for days that this account has already "
        "decided on, than it told then.",
        "It is a warning: what the account held was settled with the old ones, and stays so; rules "
        "see prices scaled by the new ones from now on. `why` cannot repeat the account any more.",
        "a vendor that puts a dividend right weeks later, or a file of events put beside the "
        "candles after the account had traded",
        "Compare with `paperbot data list --events`; `paperbot paper reset` makes a new account.",
    ),
]
