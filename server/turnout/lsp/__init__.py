"""The language-server side: the only package that knows pygls, lsprotocol and JSON-RPC.

Handlers decode, make one call into a use case, and encode.
"""
