"""A small shop, for Turnout's demo."""
