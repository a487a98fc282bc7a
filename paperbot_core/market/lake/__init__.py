"""The data lake: raw bytes, typed parts, bars to trade on."""
