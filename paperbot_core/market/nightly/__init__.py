"""The job that keeps a lake up to date."""
