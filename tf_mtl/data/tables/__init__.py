"""Tables in memory or in files → columns, encoded by layers of the model."""
