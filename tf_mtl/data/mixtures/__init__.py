"""Several data sets in one: which examples a batch takes, and in which order."""
