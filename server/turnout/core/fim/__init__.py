"""Fill in the middle: how each model family wants a hole described, here and on remote servers."""
