"""Numbers on the command line: a wrong one is named, never a failure of ours."""

from __future__ import annotations

from decimal import Decimal

import click
import pytest

from paperbot_core.cli.history_options import DecimalType


@pytest.mark.parametrize("text", ["nan", "sNaN", "-nan", "inf", "-inf", "1e999", "-1", "x", ""])
@pytest.mark.parametrize("above", [True, False])
def test_a_bad_number_is_a_bad_value(text: str, above: bool) -> None:
    with pytest.raises(click.BadParameter):
        DecimalType("0", above=above).convert(text, None, None)


def test_the_limit_itself_depends_on_above() -> None:
    assert DecimalType("0").convert("0", None, None) == Decimal(0)
    with pytest.raises(click.BadParameter, match="above 0"):
        DecimalType("0", above=True).convert("0", None, None)
