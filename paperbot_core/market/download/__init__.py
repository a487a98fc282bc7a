"""History from data sources: pages, patience, resuming."""
