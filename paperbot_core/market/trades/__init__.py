"""Single trades, and the bars made of them."""
