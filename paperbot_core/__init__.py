"""Paperbot: strategies as YAML, one engine for backtest and trading, one hard policy."""

__version__ = "0.1.0"
