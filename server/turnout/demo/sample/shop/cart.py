"""What a customer is about to buy."""

from shop.prices import total, with_tax


class Cart:
    def __init__(self):
        self.items = []

    def add(self, price, count=1):
        self.items.append((price, count))

    def to_pay(self, rate):
        return with_tax(total(self.items), rate)
