"""The day's sales."""

from shop.prices import total


def summary(carts):
    lines = []
    for number, cart in enumerate(carts, start=1):
        lines.append(f"cart {number}: {total(cart.items)}")
    return lines
