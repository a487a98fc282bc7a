"""Runs over history and what they tell: backtest, sweep, metrics, baseline, why."""
