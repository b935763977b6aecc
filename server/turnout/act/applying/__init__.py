"""The transaction: a proposal takes effect as a whole, is taken back as a whole, and survives a crash in between."""
