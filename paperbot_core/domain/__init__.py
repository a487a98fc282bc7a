"""What the words mean: frozen values, standard library only (numpy in annotations)."""
