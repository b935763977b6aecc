"""What a request is made of: the files that it may change, what is shown beside them, and what is off limits."""
