"""The strategy language: text to a typed, shared graph, run over history or bar by bar."""
