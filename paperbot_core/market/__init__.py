"""Stored markets: candle files in, checked arrays out; time ranges, alignment, replay."""
