"""Secrets in text: found by their form, taken out of what is sent, and put back into what is answered.

Invariant: pure, and the value of a secret is in nothing that this package makes but `Redacted.originals`.
"""

from turnout.core.secrets.redaction import Redacted, Restorer, redacting
from turnout.core.secrets.scan import Finding, find, finding, lines_of_keys

__all__ = ["Finding", "Redacted", "Restorer", "find", "finding", "lines_of_keys", "redacting"]
