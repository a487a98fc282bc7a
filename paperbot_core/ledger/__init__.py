"""The journal is the truth: events in one SQLite file an account, everything else is rebuilt."""
