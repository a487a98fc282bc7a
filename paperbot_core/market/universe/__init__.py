"""Who may be traded when: filters, discovery, regimes, modes."""
