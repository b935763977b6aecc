"""Which hosts are this machine.

Invariant: by the name alone; a name that merely resolves to this machine is another's to change.
"""

import ipaddress


def is_loopback(host: str) -> bool:
    """Whether `host`, without brackets and in lower case, is certainly this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
