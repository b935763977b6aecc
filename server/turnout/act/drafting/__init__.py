"""Ask a model for edits, by blocks or whole files, until what it answers can be used or says why it cannot."""
