"""What a customer is about to buy."""

from shop.prices import TAX, total


class Cart:
    def __init__(self):
        self.items = []

    def add(self, price, count=1):
        self.items.append((price, count))

    def to_pay(self):
        amount = total(self.items)
        return amount + round(amount * TAX)
