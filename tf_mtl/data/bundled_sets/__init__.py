"""Data sets that are drawn from digits or come with scikit-learn, by name."""
