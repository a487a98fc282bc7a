"""What is wrong with candles, and which of them to believe."""
