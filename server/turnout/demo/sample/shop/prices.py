"""Prices in cents."""

TAX = 0.1


def total(items):
    return sum(price * count for price, count in items)
