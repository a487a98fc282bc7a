"""Files of candles: their names, their columns, what of them is no bar."""
