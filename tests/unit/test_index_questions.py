"""What an index answers, and that it answers whatever is asked."""

import sqlite3
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.index_kit import SHOP, Folder
from turnout.core.repository import Definition, Import, IndexState, Mention, Repository
from turnout.index import reading
from turnout.index.link import Spec
from turnout.index.repository import RepositoryIndex


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """A small shop and its index, which nothing here changes."""
    more = {
        "web/cart.ts": 'import { price } from "./price";\nexport class Cart { total() { return price(1); } }\n',
        "web/price.ts": "export function price(n: number): number { return n; }\n",
        "web/view.tsx": 'import { Cart } from "./cart";\n\nexport const View = () => <p>{new Cart().total()}</p>;\n',
        "web/cart.test.ts": 'import { Cart } from "./cart";\n',
        "native/cart.h": "int cart_total(int a);\n",
        "native/cart.c": '#include "cart.h"\nint cart_total(int a) { return a; }\n',
        **{
            f"many/m{n}.py": f"import shop.cart\n\ndef many():\n    return common_name({n})\n"
            for n in range(60)
        },
        "long.py": "".join(f"value_{n} = common_name({n})\n" for n in range(300)),
    }
    folder = Folder(tmp_path_factory.mktemp("shop"), {**SHOP, **more})
    folder.round()
    return folder


@pytest.fixture
def index(shop: Folder) -> Repository:
    """What is asked."""
    return shop.index


def test_definitions(index: Repository) -> None:
    """Definitions come in the order of the names, with their signature, place and container."""
    assert index.definitions(["price_of", "total"], language="python") == (
        Definition("shop/prices.py", "python", "price_of", "function", "", "def price_of(items):", 0, 1),
        Definition("shop/cart.py", "python", "total", "method", "Cart", "def total(self, items):", 4, 5),
    )


@pytest.mark.parametrize(
    ("language", "paths"),
    [
        (None, {"shop/cart.py", "web/cart.ts"}),
        ("python", {"shop/cart.py"}),
        ("javascript", {"web/cart.ts"}),
        ("typescriptreact", {"web/cart.ts"}),
        ("go", set()),
    ],
)
def test_definitions_of_a_language(index: Repository, language: str | None, paths: set[str]) -> None:
    """A language's definitions are also those of the languages that its files import."""
    assert {one.path for one in index.definitions(["Cart"], language=language)} == paths


def test_c_and_its_headers(index: Repository) -> None:
    """A header belongs to C and to C++."""
    for language in ("c", "cpp"):
        found = index.definitions(["cart_total"], language=language)
        assert {one.path for one in found} == {"native/cart.c", "native/cart.h"}


def test_every_name_has_its_turn(index: Repository) -> None:
    """A name that is defined everywhere does not crowd out the others."""
    found = index.definitions(["many", "price_of"], limit=10)
    assert [one.name for one in found] == ["many"] * 9 + ["price_of"]


def test_outline_and_imports(index: Repository) -> None:
    """A file's definitions and imports come from top to bottom."""
    assert [one.name for one in index.outline("shop/cart.py")] == ["Cart", "total"]
    assert index.imports("shop/cart.py") == (Import("shop/cart.py", "shop.prices", "price_of", "", 0),)
    assert index.outline("no/such.py") == index.imports("no/such.py") == ()


def test_importers(index: Repository) -> None:
    """A file's importers are found by the names of modules, and no more than asked for."""
    assert index.importers("shop/prices.py") == ("shop/cart.py",)
    assert index.importers("web/cart.ts") == ("web/cart.test.ts", "web/view.tsx")
    assert index.importers("native/cart.h") == ("native/cart.c",)
    assert len(index.importers("shop/cart.py", limit=7)) == 7
    assert "tests/test_cart.py" in index.importers("shop/cart.py", limit=100)


def test_mentions(index: Repository) -> None:
    """A mention is the whole identifier in its case, also in text."""
    assert index.mentions("price_of") == (
        Mention("notes.txt", 0, "the cart knows its total, and price_of(items)"),
        Mention("shop/cart.py", 0, "from shop.prices import price_of"),
        Mention("shop/cart.py", 5, "        return price_of(items)"),
        Mention("shop/prices.py", 0, "def price_of(items):"),
    )
    assert {one.path for one in index.mentions("cart")} >= {"notes.txt", "tests/test_cart.py"}
    assert all("Cart" in one.text for one in index.mentions("Cart"))
    prices = index.mentions("price")
    assert {one.path for one in prices} == {"web/cart.ts", "web/price.ts"}
    assert len(index.mentions("common_name", limit=20)) == 20
    assert [index.mentions(name) for name in ("", "a", "no such", "(", "nowhere_at_all")] == [()] * 5


def test_similar(index: Repository) -> None:
    """The passages that share the rarest words come first, none of them from what is excluded."""
    hits = index.similar(["price_of", "items", "sum"])
    assert hits[0].passage.path == "shop/prices.py"
    assert hits[0].passage.text == SHOP["shop/prices.py"]
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    without = index.similar(["price_of", "items", "sum"], exclude=["shop/prices.py"])
    assert {hit.passage.path for hit in without} == {hit.passage.path for hit in hits} - {"shop/prices.py"}
    assert len(index.similar(["common_name"], limit=3)) == 3
    assert index.similar([]) == index.similar(["a", "("]) == index.similar(["total"], limit=0) == ()


def test_parts_of_names_are_found(index: Repository) -> None:
    """`priceOf` resembles `price_of`."""
    assert "shop/prices.py" in {hit.passage.path for hit in index.similar(["priceOf"])}


def test_words_that_many_passages_have_are_left_out() -> None:
    """A search looks at no more passages than it has time for, the rarest words first."""
    chosen = reading._telling(["common", "rare", "middling"], {"common": 3_999, "middling": 100})
    assert chosen == ["rare", "middling"]


def test_a_damaged_text_is_damage(tmp_path: Path) -> None:
    """What is wrong inside a row is found when it is asked for, and has the index built again."""
    folder = Folder(tmp_path)
    folder.round()
    connection = sqlite3.connect(folder.database)
    connection.execute("UPDATE texts SET text = x'0102'")
    connection.commit()
    connection.close()
    with folder.open() as index:
        assert index.similar(["price_of"]) == ()
        assert index.wait(60.0)
        assert index.similar(["price_of"])


def test_siblings(index: Repository) -> None:
    """Tests, headers and sources find each other; languages do not mix."""
    assert index.siblings("shop/cart.py") == ("tests/test_cart.py",)
    assert index.siblings("tests/test_cart.py") == ("shop/cart.py",)
    assert index.siblings("web/cart.ts") == ("web/cart.test.ts",)
    assert index.siblings("native/cart.c") == ("native/cart.h",)
    assert index.siblings("new/cart.spec.ts") == ("web/cart.ts",), "a file need not be there yet"


def test_without_an_index(tmp_path: Path) -> None:
    """Before anything is built every answer is empty, and nothing is wrong."""
    index = RepositoryIndex(Spec(tmp_path, tmp_path / "none.db"))
    assert index.files() == index.definitions(["a"]) == index.similar(["ab"]) == index.siblings("a.py") == ()
    assert index.state() == IndexState(0, 0, 0, building=False, problem="")
    index.close()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(text=st.text(max_size=40), number=st.integers(0, 5))
def test_any_question_has_an_answer(index: Repository, text: str, number: int) -> None:
    """No word, path or name makes an answer fail, whatever it means to SQLite."""
    index.definitions([text], language=text, limit=number)
    index.mentions(text, limit=number)
    index.similar([text, "total"], limit=number, exclude=[text])
    index.importers(text, limit=number)
    index.siblings(text)
    assert index.outline(text) == () or text in index.files()
