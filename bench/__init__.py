"""How fast the engine is: W1, W2 and W3 of the peer benchmark, and the cost of a single bar."""
