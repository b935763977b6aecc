"""What tree-sitter says about a text: new syntax errors, and the definition around a line or below a comment.

This module is the `Syntax` that use cases ask for. Grammars load on first use (2 to 20 ms each); a parse takes about
5 ms per 1,000 lines and holds the interpreter. The last trees are kept, and no definition is looked for in a text of
more than 200,000 characters.
"""

from turnout.syntax.definitions import below, defined, enclosing
from turnout.syntax.errors import check
from turnout.syntax.grammars import is_known
from turnout.syntax.literals import literal_rows
from turnout.syntax.structure import same, same_code

__all__ = ["below", "check", "defined", "enclosing", "is_known", "literal_rows", "same", "same_code"]
