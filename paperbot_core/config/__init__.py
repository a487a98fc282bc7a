"""What users write: frozen pydantic models and the places of every key and value."""
