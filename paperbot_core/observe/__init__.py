"""Numbers about a running session, for Prometheus."""
