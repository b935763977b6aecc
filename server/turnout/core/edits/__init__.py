"""Edits as data: replies parsed, text matched, changes cut into hunks, hunks moved and applied. Pure."""
