import unittest

from shop import prices
from shop.cart import Cart
from shop.report import summary


class ShopTest(unittest.TestCase):
    def test_tax_is_added(self):
        cart = Cart()
        cart.add(100, 2)
        self.assertEqual(cart.to_pay(), 220)

    def test_report_lists_every_cart(self):
        cart = Cart()
        cart.add(50)
        self.assertEqual(summary([cart, cart]), ["cart 1: 50", "cart 2: 50"])

    def test_the_name_that_callers_use(self):
        self.assertTrue(hasattr(prices, "total_price") != hasattr(prices, "total"))


if __name__ == "__main__":
    unittest.main()
