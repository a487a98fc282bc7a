"""Splits and dividends of shares."""
