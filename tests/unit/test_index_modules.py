"""Which file an import means, and which files belong together, by the names that each language gives them."""

import pytest

from turnout.core.languages import language_of
from turnout.index import modules, siblings

# importer, module, name, what is imported, whether it is
MEANT = [
    ("app/main.py", "app.core.models", "", "app/core/models.py", True),
    ("app/main.py", "app.core", "models", "app/core/models.py", True),
    ("app/main.py", "app.core", "Thing", "app/core/__init__.py", True),
    ("app/main.py", ".core.models", "Thing", "app/core/models.py", True),
    ("app/core/a.py", "..main", "x", "app/main.py", True),
    ("app/core/a.py", ".", "models", "app/core/models.py", True),
    ("app/core/a.py", ".", "models", "app/models.py", False),
    ("app/main.py", "core.models", "", "src/core/models.py", True),
    ("app/main.py", "core.models", "", "src/hardcore/models.py", False),
    ("a.py", "models", "*", "models.py", True),
    ("src/view.tsx", "./parts/button", "Button", "src/parts/button.tsx", True),
    ("src/view.tsx", "./parts", "Button", "src/parts/index.ts", True),
    ("src/view.tsx", "../lib/x.js", "x", "lib/x.ts", True),
    ("src/view.tsx", "..", "x", "index.ts", False),
    ("src/a/view.tsx", "..", "x", "src/index.ts", True),
    ("src/view.tsx", "@/parts/button", "", "src/parts/button.tsx", True),
    ("src/view.tsx", "react", "", "src/react.ts", False),
    ("src/view.tsx", "./button", "", "src/button.py", False),
    ("cmd/main.go", "example.org/shop/internal/cart", "", "internal/cart/cart.go", True),
    ("cmd/main.go", "example.org/shop/internal/cart", "", "internal/carts/cart.go", False),
    ("src/main.rs", "crate::model", "Model", "src/model.rs", True),
    ("src/a/b.rs", "crate::model", "Model", "src/model/mod.rs", True),
    ("src/a/b.rs", "super::c", "X", "src/a/c.rs", True),
    ("src/a/b.rs", "self::inner", "X", "src/a/b/inner.rs", True),
    ("src/lib.rs", "file", "", "src/file.rs", True),
    ("src/a.rs", "file", "", "src/a/file.rs", True),
    ("src/a.rs", "file", "", "src/file.rs", False),
    ("crates/app/src/main.rs", "my_lib::model", "M", "crates/my-lib/src/model.rs", True),
    ("crates/app/src/main.rs", "crate::model", "M", "crates/my-lib/src/model.rs", False),
    ("src/main/java/a/App.java", "a.b", "Cart", "src/main/java/a/b/Cart.java", True),
    ("src/main/java/a/App.java", "a.b", "Cart", "src/main/java/b/Cart.java", False),
    ("src/a.c", "lib/list.h", "", "include/lib/list.h", True),
    ("src/a.c", "list.h", "", "src/list.h", True),
    ("src/a.c", "../x/list.h", "", "x/list.h", True),
    ("src/a.cpp", "list.h", "", "src/mylist.h", False),
    ("App/Main.cs", "Shop.Services", "", "src/Services/Cart.cs", True),
    ("App/Main.cs", "Shop.Services", "", "src/Models/Cart.cs", False),
    ("lib/a.rb", "./tools", "", "lib/tools.rb", True),
    ("spec/a_spec.rb", "shop/cart", "", "lib/shop/cart.rb", True),
    ("index.php", "App\\Models", "Cart", "src/App/Models/Cart.php", True),
    ("web/index.php", "./boot.php", "", "web/boot.php", True),
    ("a.lua", "lib.tools", "", "lua/lib/tools.lua", True),
    ("a.lua", "lib", "", "lua/lib/init.lua", True),
    ("bin/run.sh", "./lib/common.sh", "", "bin/lib/common.sh", True),
    ("bin/run.sh", "$HERE/lib/common.sh", "", "lib/common.sh", True),
    ("bin/run.sh", "${HERE}/common.sh", "", "lib/common.sh", True),
    ("bin/run.sh", "$ALL", "", "lib/common.sh", False),
]


@pytest.mark.parametrize(("importer", "module", "name", "path", "meant"), MEANT)
def test_what_an_import_means(importer: str, module: str, name: str, path: str, meant: bool) -> None:
    """An import means a file that answers to it by the rules of the importer's language, and no other."""
    language = language_of(importer)
    target = modules.target(importer, language, module)
    same = language_of(path) in modules.family(language)
    found = same and any(modules.means(target, name, key, language) for key in modules.keys(path, language))
    assert found == meant


SIBLINGS = [
    ("app/cart.py", ["tests/test_cart.py"], ["tests/test_order.py", "app/order.py", "lib/cart.py"]),
    ("tests/test_cart.py", ["app/cart.py"], ["tests/test_order.py"]),
    ("app/cart.py", ["app/cart.pyi"], []),
    ("pkg/cart.go", ["pkg/cart_test.go"], ["pkg/cart.go"]),
    ("src/cart.ts", ["src/cart.test.ts", "src/cart.spec.tsx", "src/__tests__/cart.ts"], ["lib/cart.js"]),
    ("src/view.tsx", ["src/view.d.ts"], []),
    ("src/list.c", ["src/list.h", "include/list.h"], ["src/list.cpp"]),
    ("include/list.h", ["src/list.cc"], []),
    ("src/list.cc", ["src/list_unittest.cc", "test/list_test.cc"], []),
    ("src/main/java/a/Cart.java", ["src/test/java/a/CartTest.java", "src/test/java/a/CartIT.java"], []),
    ("Shop/Cart.cs", ["Shop.Tests/CartTests.cs", "Shop/ICart.cs"], []),
    ("lib/cart.rb", ["spec/cart_spec.rb", "test/test_cart.rb"], []),
    ("src/Cart.php", ["tests/CartTest.php"], []),
    ("lua/cart.lua", ["spec/cart_spec.lua"], []),
    ("src/my-part.ts", ["src/my_part.test.ts"], []),
    ("app/utils.py", ["app/tests/test_utils.py"], ["other/tests/test_utils.py"]),
    ("src/a/index.ts", ["src/a/index.test.ts"], ["src/b/index.test.ts"]),
]


@pytest.mark.parametrize(("path", "expected", "strangers"), SIBLINGS)
def test_siblings(path: str, expected: list[str], strangers: list[str]) -> None:
    """A file's tests, header and interface are its siblings; files of the same role or subject elsewhere are not."""
    subject = siblings.subject_of(path)[0]
    known = [other for other in (*strangers, *expected) if siblings.subject_of(other)[0] == subject]
    assert set(siblings.choose(path, known)) == set(expected)


def test_the_nearest_siblings_come_first() -> None:
    """Of many tests for the same name those count that are near, or under the same folders elsewhere."""
    others = ["z/tests/test_cart.py", "tests/shop/test_cart.py", "shop/test_cart.py", "a/b/c/test_cart.py"]
    assert siblings.choose("shop/cart.py", others)[:2] == ("shop/test_cart.py", "tests/shop/test_cart.py")
    assert (
        len(siblings.choose("shop/cart.py", [f"{n}/test_cart.py" for n in range(50)]))
        == siblings.MAX_SIBLINGS
    )
