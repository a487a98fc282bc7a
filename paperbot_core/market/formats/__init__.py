"""Candle files of other programs and sites."""
