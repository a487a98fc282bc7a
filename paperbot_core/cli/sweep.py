"""`paperbot sweep`: a backtest for each combination of parameters, best first."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from paperbot_core.cli.app import emit_json, json_option, pass_project_dir
from paperbot_core.cli.history_options import HistoryOptions, history_options

if TYPE_CHECKING:
    from paperbot_core.research.sweep import SweepRow

#: Columns of the printed table after the parameters: (title, metric or fact, digits).
_SHOWN = (
    ("return %", "total_return_pct", 2), ("drawdown %", "max_drawdown_pct", 2),
    ("sharpe", "sharpe_annual", 2), ("profit factor", "profit_factor", 2),
    ("win rate", "win_rate", 3),
)


@click.command()
@history_options
@click.option("--set", "sets", multiple=True, required=True,
              metavar="STRATEGY.PARAM=START:STOP:STEP",
              help="Values to try, STOP included, or a list a,b,c; may be repeated.")
@click.option("--top", type=click.IntRange(min=1), default=20, show_default=True,
              help="How many rows to show, by final equity.")
@click.option("--csv", "csv_file", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="Write all rows, in grid order, to a .csv file.")
@json_option
@pass_project_dir
def sweep(
    project_dir: Path, history: HistoryOptions, sets: tuple[str, ...], top: int,
    csv_file: Path | None, as_json: bool,
) -> None:
    """Try every combination of parameter values over candle files."""
    from paperbot_core.config.adaptive import known_params
    from paperbot_core.report.tables import check_table_file, write_table
    from paperbot_core.research.backtest import prepare
    from paperbot_core.research.sets import SweepGrid
    from paperbot_core.research.sweep import sweep as run_sweep

    if csv_file is not None:
        check_table_file(csv_file)
    request = history.request(project_dir)
    ready = prepare(project_dir, request, policy=history.policy, universe=history.universe)
    grid = SweepGrid(sets, known_params({c.file.name: c.file for c in ready.strategies}))
    rows = [_flat(row) for row in run_sweep(ready, grid, count=len(grid))]
    if csv_file is not None:
        write_table(_columns(rows), csv_file)
    best = sorted(rows, key=lambda row: (-row["final_equity"], row["row"]))[:top]
    if as_json:
        emit_json({
            "strategies": list(request.strategies), "symbols": sorted(ready.history.base),
            "combinations": len(grid), "rows": best,
            "warnings": [d.message for d in ready.warnings],
        })
        return
    click.echo(f"{len(grid)} combinations, the best {len(best)} by final equity")
    _echo_table(best)
    for diagnostic in ready.warnings:
        click.echo(f"! {diagnostic.message}")


def _flat(row: SweepRow) -> dict[str, Any]:
    """Return a row as plain values; the simulation behind it is let go."""
    params = {f"{s}.{p}": v for s, values in row.params.items() for p, v in values.items()}
    return {"row": row.number, "params": params, **row.facts}


def _columns(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    table: dict[str, list[Any]] = {"row": [r["row"] for r in rows]}
    for name in rows[0]["params"]:
        table[name] = [r["params"][name] for r in rows]
    for name in ("trades", "final_equity", "halted_at"):
        table[name] = [r[name] for r in rows]
    for name, value in rows[0]["metrics"].items():
        if not isinstance(value, dict):
            table.setdefault(name, [r["metrics"][name] for r in rows])
    return table


def _echo_table(rows: list[dict[str, Any]]) -> None:
    names = list(rows[0]["params"])
    titles = [*names, "final equity", "trades", *(title for title, _, _ in _SHOWN)]
    lines = [titles]
    for row in rows:
        cells = [f"{row['params'][n]:g}" for n in names]
        cells += [f"{row['final_equity']:,.2f}", f"{row['trades']:,}"]
        for _, metric, digits in _SHOWN:
            value = row["metrics"][metric]
            cells.append("-" if value is None else f"{value:.{digits}f}")
        lines.append(cells)
    widths = [max(len(line[k]) for line in lines) for k in range(len(titles))]
    for line in lines:
        click.echo("  ".join(cell.rjust(w) for cell, w in zip(line, widths, strict=True)))
