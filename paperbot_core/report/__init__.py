"""Stored runs and how people read them: run in, text out. Nothing here knows how a run was made."""
