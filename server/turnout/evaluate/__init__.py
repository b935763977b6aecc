"""How good completions are on a user's own files: holes are cut, filled by the server's own code, and compared."""
