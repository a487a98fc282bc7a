"""`paperbot universe show|refresh|record` as a user types them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from paperbot_core.cli import cli
from paperbot_core.market.lake.files import write_candles
from paperbot_core.market.universe.membership_record import load_record
from tests.universe_world import DAY, DAY_MS, candles

UNIVERSE = """
tiers:
  core: {symbols: [BTC/USDT], always_eligible: true}
  event: {symbols: [ETH/USDT], max_hold_hours: 72, regimes: [trend, calm]}
filters: {min_quote_volume: 20, max_spread_pct: 0.5, quotes: [USDT], blacklist: ["USDC/*"]}
discovery: {tiers: {event: 30}, max_symbols: 2}
regime: {symbol: BTC/USDT}
instruments:
  ETH/USDT: {delisted: 2024-01-14}
"""


def run(*arguments: str | Path, project: Path) -> Result:
    return CliRunner().invoke(cli, ["--project", str(project), "universe", *map(str, arguments)])


def answer(*arguments: str | Path, project: Path, code: int = 0) -> Any:
    done = run(*arguments, "--json", project=project)
    assert done.exit_code == code, done.output
    return json.loads(done.stdout)


@pytest.fixture
def project(tmp_path: Path, root: Path) -> Path:
    for name in ("paperbot.yaml", "policy.yaml"):
        shutil.copy(root / name, tmp_path / name)
    (tmp_path / "universe.yaml").write_text(UNIVERSE)
    (tmp_path / "strategies.d").mkdir()
    text = (root / "paperbot.yaml").read_text().split("strategies:")
    (tmp_path / "paperbot.yaml").write_text(text[0] + "strategies: []\n\nstate_dir: state\n")
    return tmp_path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Hourly bars of four days; SOL begins on the second and is large, DOT is small."""
    folder = tmp_path / "candles"
    for symbol, hours, volume in (
        ("BTC/USDT", range(1, 97), 1.0),
        ("ETH/USDT", range(1, 97), 1.0),
        ("SOL/USDT", range(25, 97), 2.0),
        ("DOT/USDT", range(1, 97), 0.9),
        ("XRP/EUR", range(1, 97), 9.0),
    ):
        made = candles(symbol, DAY, hours, volume=volume)
        write_candles(folder / f"{symbol.replace('/', '-')}_1h.parquet", made)
    return folder


@pytest.fixture
def tickers(tmp_path: Path) -> Path:
    rows = {
        symbol: {"symbol": symbol, "timestamp": DAY + 3 * DAY_MS, "bid": bid, "ask": 100.0,
                 "last": 100.0, "quoteVolume": volume}
        for symbol, volume, bid in (
            ("BTC/USDT", 1.0, 1.0), ("ETH/USDT", 25.0, 99.9), ("SOL/USDT", 90.0, 99.9),
            ("ADA/USDT", 80.0, 90.0), ("BTCUP/USDT", 500.0, 99.9), ("XRP/EUR", 500.0, 99.9),
        )
    }  # fmt: skip
    path = tmp_path / "ccxt.json"
    path.write_text(json.dumps(rows))
    return path


def test_the_past_from_candles(project: Path, data: Path) -> None:
    at = "2024-01-12T05:00"
    found = answer("show", "--data", data, "--at", at, project=project)
    assert (found["at"], found["since"]) == (DAY + 2 * DAY_MS + 5 * 3_600_000, DAY + 2 * DAY_MS)
    assert found["source"] == "candles"
    assert found["tiers"] == {"core": ["BTC/USDT"], "event": ["ETH/USDT", "SOL/USDT"]}
    assert [(r["symbol"], r["filter"], r["limit"], r["observed"]) for r in found["refused"]] == [
        ("DOT/USDT", "discovery", "30", "21.6")
    ]
    assert found["why"] is None
    assert run("show", "--data", data, "--at", at, project=project).output.splitlines() == [
        "universe at 2024-01-12 05:00 UTC, from candles of 2024-01-12 00:00",
        "not judged, candles do not tell: max_spread_pct",
        "core: 1",
        "  BTC/USDT         since 2024-01-10  24 h volume 24, age 2 d",
        "event: 2",
        "  ETH/USDT         since 2024-01-11  24 h volume 24, age 2 d",
        "  SOL/USDT         since 2024-01-12  24 h volume 48, age 1 d",
        "refused: 1",
        "  DOT/USDT         discovery: 24 h volume 21.6, 30 to join",
    ]


def test_why_of_a_member_and_of_others(project: Path, data: Path) -> None:
    def why(symbol: str, at: str = "2024-01-14") -> Any:
        return answer("show", "--data", data, "--at", at, "--why", symbol, project=project)["why"]

    eth = why("ETH/USDT")
    assert (eth["member"], eth["filter"], eth["limit"]) == (False, "delisted", "2024-01-14")
    assert eth["changes"] == [
        {"ts": DAY + DAY_MS, "tier": "event"}, {"ts": DAY + 4 * DAY_MS, "tier": None},
    ]  # fmt: skip
    assert (eth["max_hold_hours"], eth["regimes"]) == (72, ["trend", "calm"])
    sol = why("SOL/USDT", "2024-01-13")
    assert (sol["tier"], sol["listed_in"], sol["facts"]["quote_volume"]) == ("event", None, 48.0)
    assert why("SOL/USDT", "2024-01-10T12:00")["filter"] == "listed"
    text = run("show", "--data", data, "--why", "ETH/USDT", project=project).output
    assert "no member\n  refused by delisted: on 2024-01-14\n" in text
    assert "    2024-01-11 00:00  event\n  > 2024-01-14 00:00  left\n" in text


def test_an_unknown_symbol_gets_the_nearest(project: Path, data: Path) -> None:
    found = answer("show", "--data", data, "--why", "SOLUSDT", project=project, code=1)
    (told,) = found["diagnostics"]
    assert (told["code"], told["help"]) == ("PB3509", "did you mean `SOL/USDT`?")


def test_a_time_before_everything_is_not_known(project: Path, data: Path) -> None:
    done = run("show", "--data", data, "--at", "2023-01-01", project=project)
    assert (done.exit_code, "PB3510" in done.output) == (1, True)
    assert "PB3510" in run("show", project=project).output


def test_refresh_from_a_file_is_recorded(project: Path, tickers: Path, data: Path) -> None:
    dry = answer("refresh", "--tickers", tickers, "--dry-run", project=project)
    assert (dry["record"], (project / "state/universe.jsonl").exists()) == (None, False)
    found = answer("refresh", "--tickers", tickers, project=project)
    assert found["tiers"] == {"core": ["BTC/USDT"], "event": ["ETH/USDT", "SOL/USDT"]}
    assert {r["symbol"]: r["filter"] for r in found["refused"]} == {"ADA/USDT": "max_spread_pct"}
    assert found["joined"] == ["BTC/USDT", "ETH/USDT", "SOL/USDT"]
    (kept,) = load_record(project / "state/universe.jsonl")
    assert (kept.ts, kept.source) == (DAY + 3 * DAY_MS, "tickers")
    # Before it candles tell, from then on the record does.
    for at, source in (("2024-01-12T23:59", "candles"), ("2024-01-13", "tickers")):
        shown = answer("show", "--data", data, "--at", at, project=project)
        assert shown["source"] == source
    again = run("refresh", "--tickers", tickers, "--at", "2024-01-14", project=project).output
    assert "joined: none\nleft: ETH/USDT\nrecorded in" in again


def test_record_reconstructs_once(project: Path, data: Path, tickers: Path) -> None:
    first = answer("record", "--data", data, project=project)
    assert (first["snapshots"], first["recorded"]) == (5, 5)
    assert first["symbols"] == ["BTC/USDT", "DOT/USDT", "ETH/USDT", "SOL/USDT"]
    assert answer("record", "--data", data, project=project)["recorded"] == 0
    assert "0 recorded in" in run("record", "--data", data, project=project).output
    answer("refresh", "--tickers", tickers, project=project)
    assert answer("record", "--data", data, project=project)["snapshots"] == 3
    shown = answer("show", "--at", "2024-01-12", "--why", "DOT/USDT", project=project)
    assert shown["why"]["filter"] == "discovery"


def test_other_rules_are_noticed_and_can_be_applied(project: Path, data: Path) -> None:
    answer("record", "--data", data, project=project)
    file = project / "universe.yaml"
    file.write_text(file.read_text().replace("min_quote_volume: 20", "min_quote_volume: 40"))
    at = ("show", "--at", "2024-01-13")
    before = run(*at, project=project)
    assert (before.exit_code, "PB3512" in before.stderr) == (0, True)
    assert "  ETH/USDT         since" in before.stdout
    assert answer("record", "--again", "--dry-run", project=project)["recorded"] == 0
    assert answer("record", "--again", project=project)["recorded"] == 5
    after = run(*at, project=project)
    assert "PB3512" not in after.stderr
    assert "  ETH/USDT         min_quote_volume: 24 h volume 24, 40 asked for" in after.stdout
    assert answer("record", "--again", project=project)["recorded"] == 0


def test_the_sandbox_knows_tickers(project: Path) -> None:
    found = answer("refresh", project=project)
    assert (found["at"], found["tickers"]["source"]) == (1_704_067_200_000, "sandbox")
    assert found["tiers"]["core"] == ["BTC/USDT"]
    shown = answer("show", "--why", "ADA/USDT", project=project)
    assert shown["tickers"]["source"] == "sandbox"
    assert (shown["why"]["tier"], shown["why"]["filter"]) == (None, "max_symbols")


@pytest.mark.parametrize(
    ("arguments", "code", "exit_code"),
    [
        (["refresh", "--source", "csv_folder"], "PB5008", 1),
        (["refresh", "--tickers", "universe.yaml"], "PB3505", 1),
        (["refresh", "--tickers", "none.json"], "", 1),
        (["refresh", "--at", "2024-01-01"], "", 2),
        (["refresh", "--option", "id=x"], "", 2),
        (["show", "--at", "yesterday"], "PB6016", 1),
        (["show", "--data", "nowhere"], "PB6001", 1),
        (["record"], "", 2),
        (["record", "--data", "nowhere"], "PB6001", 1),
    ],
)  # fmt: skip
def test_bad_input_is_named(
    project: Path, arguments: list[str], code: str, exit_code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    done = run(*arguments, project=project)
    assert done.exit_code == exit_code, done.output
    assert code in done.output


def test_an_exchange_without_tickers_says_so(project: Path, data: Path) -> None:
    text = (project / "paperbot.yaml").read_text()
    replay = f"exchange: {{plugin: replay, path: '{data}', timeframe: 1h}}\n\nwallet"
    (project / "paperbot.yaml").write_text(
        text.split("exchange:")[0] + replay + text.split("wallet")[1]
    )
    assert "PB3508" in run("refresh", project=project).output


def test_candles_of_strangers_are_refused(project: Path, tmp_path: Path) -> None:
    write_candles(tmp_path / "eur" / "XRP-EUR_1h.parquet", candles("XRP/EUR", DAY, range(1, 5)))
    assert "PB3511" in run("record", "--data", tmp_path / "eur", project=project).output


def test_the_shipped_universe_needs_no_record(root: Path, tmp_path: Path) -> None:
    found = answer("show", "--state-dir", tmp_path, "--why", "SOL/USDT", project=root)
    assert (found["source"], found["why"]["tier"]) == ("static", "rotational")
    assert found["tiers"]["core"] == ["BTC/USDT", "ETH/USDT"]
