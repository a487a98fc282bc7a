"""The answer of `why` for a terminal: trees and tables as plain text, colour only when asked."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from paperbot_core.report.wording import MINUS, NOTHING, money, percent, utc

WIDTH_MIN, WIDTH_MAX = 50, 120
#: Columns of the margin with labels, and of the names of levels (`strength.short.0`).
_LABEL, _LEVEL = 11, 17
_OUTCOMES = {
    "granted": ("GRANTED", "32"),
    "refused": ("REFUSED", "31"),
    "exit": ("EXIT", "33"),
    "held": ("HELD", "36"),
    "waiting": ("WAITING", "33"),
    "blocked": ("NO ENTRY", "33"),
    "no_signal": ("NO SIGNAL", "2"),
    "warming_up": ("WARMING UP", "2"),
    "absent": ("NO BAR", "33"),
    "outside": ("OUTSIDE", "33"),
}
_ANSWER_COLORS = {"refused": "31", "shrunk": "33", "passed": "32"}
_TRUTH_COLORS = {"true": "32", "false": "31"}
_UNITS = {"%": " %", "min": " min"}
_BRANCHES = {"├─ ": "|- ", "└─ ": "`- ", "│  ": "|  ", "·": "|", "…": "..."}


@dataclass(frozen=True, slots=True)
class _Page:
    """How wide and how colourful the text is."""

    width: int
    color: bool

    def paint(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.color and text else text

    def bold(self, text: str) -> str:
        return self.paint("1", text)

    def dim(self, text: str) -> str:
        return self.paint("2", text)

    def cut(self, text: str) -> str:
        return text if len(text) <= self.width else text[: self.width - 1] + "…"

    def labelled(self, label: str, text: str) -> Iterator[str]:
        """Yield `label` in the margin and `text` beside it, wrapped."""
        lines = textwrap.wrap(text, self.width - _LABEL) or [""]
        for number, line in enumerate(lines):
            margin = f"{label if number == 0 else '':<{_LABEL}}"
            yield (self.bold(margin) + line).rstrip()


def render_why(
    answer: Mapping[str, Any], *, width: int = 80, color: bool = False, unicode: bool = True
) -> str:
    """Return what `why` found (see docs/why.md), lines ended by newlines.

    Args:
        answer: the JSON of `why`.
        width: columns of the terminal; used are between 50 and 120.
        color: write ANSI colours.
        unicode: draw trees with line characters; else ASCII only.
    """
    page = _Page(max(WIDTH_MIN, min(width, WIDTH_MAX)), color)
    run = page.dim(f"{answer['mode']} {answer['run_id']}")
    blocks = ["\n".join(_slot(page, slot)) for slot in answer["strategies"]]
    text = run + "\n\n" + "\n\n\n".join(blocks) + "\n"
    if unicode:
        return text
    for sign, plain in {**_BRANCHES, MINUS: "-", NOTHING: "-"}.items():
        text = text.replace(sign, plain)
    return text.encode("ascii", "replace").decode("ascii")


def _slot(page: _Page, slot: Mapping[str, Any]) -> Iterator[str]:
    yield f"{page.bold(slot['strategy'])} · {slot['symbol']} · {slot['timeframe']}"
    if slot["bar"]:
        yield from _bar(page, slot["bar"])
    word, code = _OUTCOMES[slot["outcome"]]
    yield ""
    reasons = slot["because"] or [""]
    for number, reason in enumerate(reasons):
        lines = textwrap.wrap(reason, page.width - _LABEL) or [""]
        for line in lines:
            head = f"{word:<{_LABEL}}" if number == 0 and line is lines[0] else " " * _LABEL
            yield (page.paint(f"1;{code}", head) + line).rstrip()
    if "conditions" not in slot:
        for leg in slot.get("during", ()):
            yield from page.labelled("in the bar", _leg(leg))
        return
    yield from _state(page, slot)
    yield from _conditions(page, slot)
    yield from _decision(page, slot)


def _bar(page: _Page, bar: Mapping[str, Any]) -> Iterator[str]:
    prices = " ".join(f"{name} {_num(bar[name])}" for name in ("open", "high", "low", "close"))
    volume = "unknown" if bar["volume"] is None else _num(bar["volume"])
    yield page.dim(f"bar {utc(bar['ts'])} to {utc(bar['close_ts'])} UTC")
    regime = f" regime {bar['regime']}" if bar["regime"] else ""
    for line in textwrap.wrap(f"{prices} volume {volume}{regime}", page.width):
        yield page.dim(line)


def _state(page: _Page, slot: Mapping[str, Any]) -> Iterator[str]:
    a = slot["account"]
    yield ""
    text = f"{a['state']}, equity {money(a['equity'])}, cash {money(a['cash'])}"
    if a["drawdown_pct"] is not None:
        text += f", {a['drawdown_pct']:.2f} % below the peak"
    if a["day_loss_pct"] is not None:
        text += f", {percent(-a['day_loss_pct'])} today"
    yield from page.labelled("account", text)
    if slot["universe"]["text"]:
        yield from page.labelled("universe", slot["universe"]["text"])
    if slot["mode"] is not None:
        yield from page.labelled("mode", slot["mode"]["text"])
    yield from page.labelled("before", _position(slot["position"]["before"]))
    for leg in slot["during"]:
        yield from page.labelled("in the bar", _leg(leg))
    yield from page.labelled("after", _position(slot["position"]["after"]))


def _position(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return "flat"
    text = f"{row['side']} {_num(row['quantity'])} from {_num(row['entry_price'])}"
    text += f" since {utc(row['entry_ts'])}"
    if row["stop"] is not None:
        text += f", stop {_num(row['stop'])} ({row['stop_kind']})"
    if row["gain_r"] is not None:
        text += f", {row['gain_r']:+.2f} R".replace("-", MINUS)
    return text + (f", exit due ({row['exit_due']})" if row["exit_due"] else "")


def _leg(leg: Mapping[str, Any]) -> str:
    at = utc(leg["step"]) if leg["kind"] == "released" else utc(leg["bar_ts"])
    if leg["kind"] == "released":
        return f"{at}  released, not filled: {leg['reason']}"
    what = leg["reason"] if leg["kind"] == "exit" else leg["kind"]
    return (
        f"{at}  {leg['action']} {_num(leg['quantity'])} at {_num(leg['price'])} ({what}),"
        f" {leg['liquidity']} fee {money(leg['fee'])}"
    )


def _conditions(page: _Page, slot: Mapping[str, Any]) -> Iterator[str]:
    for row in slot["conditions"]:
        gates = "".join(f", {key} {value:g}" for key, value in row["gates"].items())
        yield ""
        yield page.bold(row["rule"]) + page.dim(gates)
        yield from _tree(page, row["tree"], "", "")
        if row["signal"] and row["reason"]:
            yield from page.labelled("", row["reason"])
    if slot["levels"]:
        yield ""
    for row in slot["levels"]:
        yield page.cut(f"{row['name']:<{_LEVEL}}{row['text']} = {_known(row['tree'])}")


def _tree(page: _Page, tree: Mapping[str, Any], lead: str, below: str) -> Iterator[str]:
    truth = tree["truth"]
    if tree["kind"] == "condition":
        mark = f"{truth:<6}"
        line = page.cut(f"{lead}{mark} {tree['text']}")
        shown = lead + page.paint(_TRUTH_COLORS.get(truth, "33"), mark)
        yield shown + line[len(lead) + len(mark) :]
    else:
        names, tree = _chain(tree)
        frame = f" [{tree['timeframe']}]" if tree["timeframe"] else ""
        yield page.cut(f"{lead}{' = '.join(names)}{frame} = {_known(tree)}")
    parts: Sequence[Mapping[str, Any]] = tree["parts"]
    for part in parts:
        last = part is parts[-1]
        yield from _tree(
            page, part, below + ("└─ " if last else "├─ "), below + ("   " if last else "│  ")
        )


def _chain(tree: Mapping[str, Any]) -> tuple[list[str], Mapping[str, Any]]:
    """Return the names of a value down to the expression that makes it, and that part.

    A feature and the expression it stands for have one value: one line says both.
    """
    names = [tree["text"]]
    while len(tree["parts"]) == 1 and str(tree["text"]).isidentifier():
        tree = tree["parts"][0]
        names.append(tree["text"])
    return names, tree


def _known(tree: Mapping[str, Any]) -> str:
    return str(tree["truth"]) if tree["value"] is None else _num(tree["value"])


def _decision(page: _Page, slot: Mapping[str, Any]) -> Iterator[str]:
    if slot["proposal"]:
        yield ""
        yield from _proposal(page, slot["proposal"])
        yield from _verdict(page, slot["verdict"])
    if slot["order"]:
        order = slot["order"]
        yield ""
        price = order["price"]
        bound = "at the open" if price is None else f"not worse than {_num(price)}"
        text = f"{order['action']} {_num(order['quantity'])} ({order['kind']}), {bound}"
        yield from page.labelled("order", text)
        for leg in order["results"]:
            yield from page.labelled("", _leg(leg))
        if not order["results"]:
            yield from page.labelled("", "nothing has come of it by the end of the run")


def _proposal(page: _Page, row: Mapping[str, Any]) -> Iterator[str]:
    share = "" if row["size_pct"] is None else f" ({row['size_pct']:.2f} % of equity)"
    text = f"{row['kind']} {row['side']} {_num(row['quantity'])}{share}"
    text += f", {row['price_kind']} {_num(row['price'])}"
    if row["stop_distance"] is not None:
        text += f", stop distance {_num(row['stop_distance'])}"
    yield from page.labelled("proposal", f"{text}, strength {_num(row['strength'])}")
    if row["reason"]:
        yield from page.labelled("", f"{row['rule']}: {row['reason']}")


def _verdict(page: _Page, verdict: Mapping[str, Any]) -> Iterator[str]:
    word = "approved" if verdict["approved"] else f"refused by {verdict['rule']}"
    share = "" if verdict["allowed_pct"] is None else f" ({verdict['allowed_pct']:.2f} % of equity)"
    text = f"{word}: asked {_num(verdict['asked'])}, allowed {_num(verdict['allowed'])}{share}"
    yield from page.labelled("verdict", text)
    if verdict["check"]:
        yield from page.labelled("", verdict["check"])
    yield ""
    head = ("rule", "", "observed", "limit", "allowed", "where")
    rows = [_rule(row) for row in verdict["rules"]]
    widths = [max(len(row[k]) for row in [head, *rows]) for k in range(len(head))]
    for number, row in enumerate([head, *rows]):
        cells = [f"{row[0]:<{widths[0]}}", f"{row[1]:<{widths[1]}}"]
        cells += [f"{row[k]:>{widths[k]}}" for k in (2, 3, 4)]
        line = page.cut("  ".join([*cells, row[5]]).rstrip())
        if number == 0:
            yield page.dim(line)
        else:
            code = _ANSWER_COLORS[row[1]]
            yield line.replace(f"  {row[1]}", f"  {page.paint(code, row[1])}", 1)


def _rule(row: Mapping[str, Any]) -> tuple[str, ...]:
    unit = _UNITS.get(row["unit"], "")

    def shown(value: float | None) -> str:
        return NOTHING if value is None else f"{_num(value)}{unit}"

    allowed = NOTHING if row["allowed"] is None else _num(row["allowed"])
    return (
        row["rule"], row["answer"], shown(row["observed"]), shown(row["limit"]), allowed,
        row["policy"],
    )  # fmt: skip


def _num(value: float | None) -> str:
    """Return a number with at most eight significant digits."""
    if value is None:
        return NOTHING
    text = f"{value:,.8g}"
    if 1e-9 <= abs(value) < 1e-3:
        text = f"{value:.12f}".rstrip("0")
    return text.replace("-", MINUS)
