"""The recurrences that rules use: one table of functions, each for history and bar by bar.

Nothing here knows of expressions, strategies or orders; importing it loads numpy only.
"""
