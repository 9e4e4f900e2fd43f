"""Pictures and sounds in folders, decoded while the model trains."""
