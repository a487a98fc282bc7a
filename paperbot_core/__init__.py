"""Paperbot: strategies as YAML, one engine for backtest, DRY_RUN, PAPER and LIVE, one hard policy."""

__version__ = "0.1.0"
