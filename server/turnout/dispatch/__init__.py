"""One request along its route: clearance, candidates in order, one outcome and one receipt whatever happens.

Nothing outside imports a module of this package but through the names here.
"""

from turnout.dispatch.chain import Patience
from turnout.dispatch.dispatcher import Dispatcher
from turnout.dispatch.foreseeing import Foreseen, Write
from turnout.dispatch.operation import Operation
from turnout.dispatch.seams import Consent, Consents, Ledger, Overspend, Purse, Routes
from turnout.dispatch.sent import SentPrompts
from turnout.dispatch.vitals import Vitals

__all__ = [
    "Consent",
    "Consents",
    "Dispatcher",
    "Foreseen",
    "Ledger",
    "Operation",
    "Overspend",
    "Patience",
    "Purse",
    "Routes",
    "SentPrompts",
    "Vitals",
    "Write",
]
