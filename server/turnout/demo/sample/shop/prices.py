"""Prices in cents."""


def total(items):
    return sum(price * count for price, count in items)


def with_tax(amount, rate):
    return amount + round(amount * rate)
