"""What tree-sitter says about a text: new syntax errors, and the definition around a line.

This module is the `Syntax` that use cases ask for. Grammars load on first use (2 to 20 ms each); a parse takes about
10 ms per 1,000 lines, so call from a thread for anything but small files.
"""

from turnout.syntax.definitions import defined, enclosing
from turnout.syntax.errors import check
from turnout.syntax.grammars import is_known

__all__ = ["check", "defined", "enclosing", "is_known"]
