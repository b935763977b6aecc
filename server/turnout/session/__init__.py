"""What one server knows for as long as its editor is connected: settings, consent, models being fetched.

Knows no LSP: the editor is the small Protocol in `editor.py`.
"""
