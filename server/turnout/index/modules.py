"""Which file an import means, by the rules that each language has for names of modules.

An import gives a target: a path without suffix, from the folder's top where it begins with `/`, else the end of one.
A file answers to one or more keys. Nothing is looked up on disk, and no build file is read, so packages of the same
name in one folder are taken for one another.
"""

import posixpath
from collections.abc import Iterator

_SCRIPTS = frozenset({"javascript", "javascriptreact", "typescript", "typescriptreact"})
_FAMILIES = (_SCRIPTS, frozenset({"c", "cpp"}))
_WITH_SUFFIX = frozenset({"c", "cpp", "shellscript"})
_BY_FOLDER = frozenset({"csharp", "go"})
_STANDS_FOR_FOLDER = frozenset({"__init__", "index", "init", "lib", "main", "mod"})
_SUFFIXES = (".d.ts", ".js", ".jsx", ".mjs", ".cjs", ".ts", ".tsx", ".vue", ".php", ".lua", ".rb")


def family(language: str) -> frozenset[str]:
    """The languages whose files import one another."""
    return next((family for family in _FAMILIES if language in family), frozenset({language}))


def target(path: str, language: str, module: str) -> str:
    """What the import of `module` in the file `path` means; empty where it is nothing in this folder."""
    here = posixpath.dirname(path)
    if language == "python":
        return _python(here, module)
    if language == "rust":
        return _rust(path, module)
    if language in _SCRIPTS:
        return _script(here, module)
    if language in ("java", "csharp"):
        return module.replace(".", "/")
    if language == "php":
        return _file(here, module.replace("\\", "/"))
    if language == "lua":
        return (
            module.removesuffix(".lua").replace(".", "/")
            if not module.startswith(".")
            else _file(here, module)
        )
    if "$" in module:  # a path of the shell that begins with a variable
        module = module.rpartition("$")[2].partition("/")[2]
    return _file(here, module)


def keys(path: str, language: str) -> tuple[str, ...]:
    """What a file answers to when it is imported."""
    if language in _WITH_SUFFIX:
        return (path,)
    folder, name = posixpath.split(path)
    if language in _BY_FOLDER:
        return (folder,) if folder else ()
    stem = _without_suffix(name)
    whole = posixpath.join(folder, stem)
    found = [folder, whole] if stem in _STANDS_FOR_FOLDER and folder else [whole]
    if language == "rust":
        found += [key.replace("/src/", "/").replace("-", "_") for key in found if "/src/" in key]
    return tuple(found)


def means(imported: str, name: str, key: str, language: str) -> bool:
    """Whether the target `imported`, or `name` in it, is the file that answers to `key`."""
    if language == "csharp":
        return bool(imported) and imported.rpartition("/")[2] == key.rpartition("/")[2]
    joined = (imported, posixpath.join(imported, name)) if name and name != "*" else (imported,)
    return any(_ends(one, key, either=language == "go") for one in joined if one)


def _ends(imported: str, key: str, *, either: bool) -> bool:
    if imported.startswith("/"):
        return imported[1:] == key
    return key == imported or key.endswith("/" + imported) or (either and imported.endswith("/" + key))


def _python(here: str, module: str) -> str:
    bare = module.lstrip(".")
    up = len(module) - len(bare)
    inside = bare.replace(".", "/")
    if not up:
        return inside
    for _ in range(up - 1):
        here = posixpath.dirname(here)
    return _anchored(here, inside)


def _script(here: str, module: str) -> str:
    if module.startswith("."):
        return _anchored(here, _without_suffix(module))
    module = module.removeprefix("@/").removeprefix("~/")
    return _without_suffix(module) if "/" in module else ""


def _rust(path: str, module: str) -> str:
    folder, name = posixpath.split(path)
    stem = _without_suffix(name)
    own = folder if stem in _STANDS_FOR_FOLDER else posixpath.join(folder, stem)
    parts = module.split("::")
    if parts[0] == "crate":
        top, source, _ = f"/{path}".rpartition("/src/")
        return _anchored((top + source).strip("/"), "/".join(parts[1:]))
    if parts[0] == "self":
        return _anchored(own, "/".join(parts[1:]))
    if parts[0] == "super":
        while parts and parts[0] == "super":
            own, parts = posixpath.dirname(own), parts[1:]
        return _anchored(own, "/".join(parts))
    return _anchored(own, module) if len(parts) == 1 else "/".join(parts)


def _file(here: str, module: str) -> str:
    """A path beside the file, or the end of one."""
    if module.startswith("."):
        return _anchored(here, _without_suffix(module))
    return _without_suffix(module.lstrip("/"))


def _anchored(folder: str, inside: str) -> str:
    joined = posixpath.normpath(posixpath.join("/", folder, inside))
    return "/" + joined.lstrip("/")


def _without_suffix(name: str) -> str:
    for suffix in _SUFFIXES:
        if name.endswith(suffix):
            return name.removesuffix(suffix)
    known = (".py", ".pyi", ".rs", ".java", ".go", ".cs", ".cts", ".mts")
    return next((name.removesuffix(suffix) for suffix in known if name.endswith(suffix)), name)


def tails(path: str, language: str) -> Iterator[str]:
    """The last part of every key: what an index over targets is asked for."""
    return (key.rpartition("/")[2] for key in keys(path, language))
