"""What is read out of source code by language: nested, decorated, generic, overloaded, nameless and broken."""

import pytest

from turnout.syntax import symbols
from turnout.syntax.symbols import MAX_SIGNATURE_CHARACTERS, MAX_SIGNATURE_LINES, read

Rows = list[str]
"""`kind container.name first-last: signature` for definitions, `module:name=alias@line` for imports."""

PYTHON = '''import a.b, c.d as e
from . import f as g, h
from ..x.y import *
LIMIT: int = 3
@wraps(LIMIT)
@other
class Outer(Base,
            metaclass=M):
    field = 1
    @property
    def name(self) -> str:  # why
        """Doc."""
        return ""
    class Inner:
        async def run(self, *args): ...
@overload
def twice(a: int) -> int: ...
@overload
def twice(a: str) -> str: ...
def twice(a):
    def local(): pass
    return lambda: a
type Alias[T] = list[T]
def broken(:
    pass
def after(): pass
'''
TYPESCRIPT = """import React, { useState as state, type Ref } from "react";
import * as path from "../path";
import "./side.css";
export { x as y } from "./x.js";
export * from "./all";
const lazy = () => import("./lazy");
@Component({ selector: "a" })
export class View<T extends object> extends Base implements I {
  private handler = async (e: Event) => { e; };
  #secret(): void {}
  get size(): number { return 1; }
}
export function pick(a: string): string;
export function pick(a: number): number;
export function pick(a: unknown) { return a; }
export default function () {}
interface Shape<T> { area(): T }
type Pair<A> = [A, A];
export enum Color { Red }
namespace Deep { export const inside = 1; }
declare module "pkg" { function given(): void; }
abstract class Abstract { abstract must(): void; }
function broken( {
"""
GO = """package p

import (
	f "fmt"
	"example.org/mod/sub"
)

type Pair[T any] struct {
	a T
}
type (
	First int
	Second = string
)
type Reader interface {
	Read(p []byte) (int, error)
}
const Limit = 3
var a, b = 1, 2
func (p *Pair[T]) Swap() {
	func() {}()
}
func Map[T, U any](xs []T, f func(T) U) []U { return nil }
func broken( {
"""
RUST = """use std::{fmt, io::{self as sio, Read}};
use crate::model::Model;
use super::*;
mod file;
#[derive(Debug)]
pub struct Pair<T>(T, T);
pub struct Named<T> where T: Clone { a: T }
impl<T: Clone> fmt::Display for Named<T> {
    pub async fn show(&self) -> String { let f = |x| x; f(String::new()) }
    const MAX: usize = 1;
}
pub trait Shape: Send { fn area(&self) -> f64; fn name(&self) -> &str { "" } }
pub enum Color { Red }
mod inner { pub fn deep() {} }
macro_rules! twice { ($x:expr) => { $x } }
pub static LIMIT: i32 = 3;
type Alias<T> = Result<T, ()>;
fn broken( {
"""
JAVA = """package a.b;
import a.b.C;
import static a.b.C.make;
import java.util.*;
@Service @Named("x")
public class Shop<T> extends Base implements Stock {
    private final int limit = 3;
    @Override public <U> List<U> find(String name) throws E { return new ArrayList<>() { void inner() {} }; }
    void find(int id) {}
    Shop(int a) {}
    interface Stock { int count(); }
    enum Kind { A; }
    record Point(int x) {}
}
class Broken { void m( { } }
"""
C = """#ifndef H
#define H
#include <stdio.h>
#include "lib/list.h"
#define TWICE(x) ((x) * 2)
typedef struct { int a; } Anonymous;
struct named { int b; };
typedef int (*callback)(int);
enum kind { ONE };
static inline int **deep(int a, char *b) { return 0; }
int declared(void);
extern char *pointer(int);
#endif
int broken( {
"""
CPP = """#include <vector>
namespace a::b {
template <class T>
class Shape : public Base {
 public:
  Shape();
  ~Shape();
  virtual double area() const = 0;
  Shape& operator=(const Shape&);
  int inlined() { auto f = [](int x) { return x; }; return f(1); }
};
void helper(int);
}
template <class T> T biggest(T a, T b) { return a; }
double a::b::Shape::area() const { return 1; }
double biggest(double a);
using Id = int;
enum class Color { Red };
int broken( {
"""
CSHARP = """using System;
using Alias = A.B;
using static System.Math;
namespace N.M;
[Serializable]
public class Shop<T> : Base where T : new() {
    public int Count { get; set; }
    public Shop() : base() {}
    [Obsolete] public async Task<U> Find<U>(int id) { int Local() => 1; return default; }
    public void Find(string name) {}
    public record Point(int X);
}
interface IStock { void Fill(); }
enum Kind { A }
struct Pair { }
delegate void Done(int a);
class Broken { void M( { } }
"""
RUBY = """require "json"
require_relative "lib/tools"
module Shop
  class Cart < Base
    LIMIT = 3
    attr_reader :items
    def add(item, count = 1)
      items.each { |i| i }
    end
    def self.build; new; end
    class << self
      def load(path)
      end
    end
  end
end
def top
end
"""
PHP = """<?php
namespace App;
use A\\B;
use function A\\make;
use A\\{C, D as E};
require_once __DIR__ . "/boot.php";
include "lib/x.php";
const LIMIT = 3;
#[Attribute]
abstract class Cart extends Base implements Stock {
    const MAX = 1;
    public function __construct(private int $a) { $f = function () {}; }
    abstract protected function find(int $id): ?Item;
}
interface Stock { function count(): int; }
trait Loud { function shout() {} }
enum Kind: string { case A = "a"; }
function top(int $a = 1): int { return $a; }
"""
LUA = """local json = require("json")
local tools = require "lib.tools"
local function plain(a) return function() end end
function M.add(a, b) return a end
function M:sum(c) end
M.late = function(x) end
local bound = function(y) end
local t = { inside = function(z) end }
limit = 3
function broken(
"""
BASH = """source ./lib/common.sh
. "$HERE/more.sh"
LIMIT=3
export NAME=x
plain() {
  echo
}
function keyed { inner() { :; }; }
if true; then
"""

CASES: dict[str, tuple[str, Rows, Rows]] = {
    "python": (
        PYTHON,
        [
            "constant LIMIT 3-3: LIMIT: int = 3",
            "class Outer 4-14: class Outer(Base,\n            metaclass=M):",
            "constant Outer.field 8-8: field = 1",
            "method Outer.name 9-12: def name(self) -> str:  # why",
            "class Outer.Inner 13-14: class Inner:",
            "method Inner.run 14-14: async def run(self, *args):",
            "function twice 15-16: def twice(a: int) -> int:",
            "function twice 17-18: def twice(a: str) -> str:",
            "function twice 19-21: def twice(a):",
            "function twice.local 20-20: def local():",
            "type Alias[T] 22-22: type Alias[T] = list[T]",
            "function broken 23-24: def broken(:",
            "function after 25-25: def after():",
        ],
        ["a.b:@0", "c.d:=e@0", ".:f=g@1", ".:h@1", "..x.y:*@2"],
    ),
    "typescriptreact": (
        TYPESCRIPT,
        [
            "function lazy 5-5: const lazy = () =>",
            "class View 6-11: export class View<T extends object> extends Base implements I",
            "method View.handler 8-8: private handler = async (e: Event) =>",
            "method View.#secret 9-9: #secret(): void",
            "method View.size 10-10: get size(): number",
            "function pick 12-12: export function pick(a: string): string;",
            "function pick 13-13: export function pick(a: number): number;",
            "function pick 14-14: export function pick(a: unknown)",
            "interface Shape 16-16: interface Shape<T>",
            "method Shape.area 16-16: area(): T",
            "type Pair 17-17: type Pair<A> = [A, A];",
            "enum Color 18-18: export enum Color",
            "module Deep 19-19: namespace Deep",
            "constant Deep.inside 19-19: export const inside = 1;",
            'module pkg 20-20: declare module "pkg"',
            "function pkg.given 20-20: function given(): void;",
            "class Abstract 21-21: abstract class Abstract",
            "method Abstract.must 21-21: abstract must(): void",
        ],
        [
            "react:default=React@0",
            "react:useState=state@0",
            "react:Ref@0",
            "../path:=path@1",
            "./side.css:@2",
            "./x.js:x=y@3",
            "./all:@4",
            "./lazy:@5",
        ],
    ),
    "go": (
        GO,
        [
            "struct Pair 7-9: type Pair[T any] struct",
            "type First 11-11: First int",
            "type Second 12-12: Second = string",
            "interface Reader 14-16: type Reader interface {\n\tRead(p []byte) (int, error)\n}",
            "method Reader.Read 15-15: Read(p []byte) (int, error)",
            "constant Limit 17-17: Limit = 3",
            "constant a 18-18: a, b = 1, 2",
            "constant b 18-18: a, b = 1, 2",
            "method Pair.Swap 19-21: func (p *Pair[T]) Swap()",
            "function Map 22-22: func Map[T, U any](xs []T, f func(T) U) []U",
        ],
        ["fmt:=f@3", "example.org/mod/sub:@4"],
    ),
    "rust": (
        RUST,
        [
            "struct Pair 5-5: pub struct Pair<T>(T, T);",
            "struct Named 6-6: pub struct Named<T> where T: Clone",
            "method Named.show 8-8: pub async fn show(&self) -> String",
            "constant Named.MAX 9-9: const MAX: usize = 1;",
            "interface Shape 11-11: pub trait Shape: Send",
            "method Shape.area 11-11: fn area(&self) -> f64;",
            "method Shape.name 11-11: fn name(&self) -> &str",
            "enum Color 12-12: pub enum Color",
            "module inner 13-13: mod inner",
            "function inner.deep 13-13: pub fn deep()",
            "macro twice 14-14: macro_rules! twice { ($x:expr) => { $x } }",
            "constant LIMIT 15-15: pub static LIMIT: i32 = 3;",
            "type Alias 16-16: type Alias<T> = Result<T, ()>;",
        ],
        ["std:fmt@0", "std:io=sio@0", "std::io:Read@0", "crate::model:Model@1", "super:*@2", "file:@3"],
    ),
    "java": (
        JAVA,
        [
            "class Shop 4-13: public class Shop<T> extends Base implements Stock",
            "constant Shop.limit 6-6: private final int limit = 3;",
            "method Shop.find 7-7: public <U> List<U> find(String name) throws E",
            "method find.inner 7-7: void inner()",
            "method Shop.find 8-8: void find(int id)",
            "method Shop.Shop 9-9: Shop(int a)",
            "interface Shop.Stock 10-10: interface Stock",
            "method Stock.count 10-10: int count();",
            "enum Shop.Kind 11-11: enum Kind",
            "class Shop.Point 12-12: record Point(int x)",
        ],
        ["a.b:C@1", "a.b.C:make@2", "java.util:*@3"],
    ),
    "c": (
        C,
        [
            "macro TWICE 4-4: #define TWICE(x) ((x) * 2)",
            "struct Anonymous 5-5: typedef struct Anonymous;",
            "struct named 6-6: struct named",
            "type callback 7-7: typedef int (*callback)(int);",
            "enum kind 8-8: enum kind",
            "function deep 9-9: static inline int **deep(int a, char *b)",
            "function declared 10-10: int declared(void);",
            "function pointer 11-11: extern char *pointer(int);",
        ],
        ["stdio.h:@2", "lib/list.h:@3"],
    ),
    "cpp": (
        CPP,
        [
            "class a::b.Shape 2-10: template <class T>\nclass Shape : public Base",
            "method Shape.Shape 5-5: Shape();",
            "method Shape.~Shape 6-6: ~Shape();",
            "method Shape.area 7-7: virtual double area() const = 0;",
            "method Shape.operator= 8-8: Shape& operator=(const Shape&);",
            "method Shape.inlined 9-9: int inlined()",
            "function a::b.helper 11-11: void helper(int);",
            "function biggest 13-13: template <class T> T biggest(T a, T b)",
            "method Shape.area 14-14: double a::b::Shape::area() const",
            "function biggest 15-15: double biggest(double a);",
            "type Id 16-16: using Id = int;",
            "enum Color 17-17: enum class Color",
        ],
        ["vector:@0"],
    ),
    "csharp": (
        CSHARP,
        [
            "class Shop 4-11: public class Shop<T> : Base where T : new()",
            "constant Shop.Count 6-6: public int Count",
            "method Shop.Shop 7-7: public Shop() : base()",
            "method Shop.Find 8-8: public async Task<U> Find<U>(int id)",
            "function Find.Local 8-8: int Local()",
            "method Shop.Find 9-9: public void Find(string name)",
            "class Shop.Point 10-10: public record Point(int X);",
            "interface IStock 12-12: interface IStock",
            "method IStock.Fill 12-12: void Fill();",
            "enum Kind 13-13: enum Kind",
            "struct Pair 14-14: struct Pair",
            "type Done 15-15: delegate void Done(int a);",
        ],
        ["System:@0", "A.B:=Alias@1", "System.Math:@2"],
    ),
    "ruby": (
        RUBY,
        [
            "module Shop 2-15: module Shop",
            "class Shop.Cart 3-14: class Cart < Base",
            "constant Cart.LIMIT 4-4: LIMIT = 3",
            "method Cart.add 6-8: def add(item, count = 1)",
            "method Cart.build 9-9: def self.build;",
            "method Cart.load 11-12: def load(path)\n      end",
            "function top 16-17: def top\nend",
        ],
        ["json:@0", "./lib/tools:@1"],
    ),
    "php": (
        PHP,
        [
            "constant LIMIT 7-7: const LIMIT = 3;",
            "class Cart 8-13: abstract class Cart extends Base implements Stock",
            "constant Cart.MAX 10-10: const MAX = 1;",
            "method Cart.__construct 11-11: public function __construct(private int $a)",
            "method Cart.find 12-12: abstract protected function find(int $id): ?Item;",
            "interface Stock 14-14: interface Stock",
            "method Stock.count 14-14: function count(): int;",
            "class Loud 15-15: trait Loud",
            "method Loud.shout 15-15: function shout()",
            "enum Kind 16-16: enum Kind: string",
            "function top 17-17: function top(int $a = 1): int",
        ],
        ["A:B@2", "A:make@3", "A:C@4", "A:D=E@4", "./boot.php:@5", "lib/x.php:@6"],
    ),
    "lua": (
        LUA,
        [
            'constant json 0-0: local json = require("json")',
            'constant tools 1-1: local tools = require "lib.tools"',
            "function plain 2-2: local function plain(a)",
            "method M.add 3-3: function M.add(a, b)",
            "method M.sum 4-4: function M:sum(c) end",
            "method M.late 5-5: M.late = function(x) end",
            "function bound 6-6: local bound = function(y) end",
            "constant t 7-7: local t = { inside = function(z) end }",
            "function inside 7-7: inside = function(z) end",
        ],
        ["json:@0", "lib.tools:@1"],
    ),
    "shellscript": (
        BASH,
        [
            "constant LIMIT 2-2: LIMIT=3",
            "constant NAME 3-3: NAME=x",
            "function plain 4-6: plain()",
            "function keyed 7-7: function keyed",
            "function keyed.inner 7-7: inner()",
        ],
        ["./lib/common.sh:@0", "$HERE/more.sh:@1"],
    ),
}


@pytest.mark.parametrize("language", CASES)
def test_what_is_defined_and_imported(language: str) -> None:
    """Each language's definitions stand where they are with their signatures, in broken code too, and so do imports."""
    source, definitions, imports = CASES[language]
    found = read("some/file", language, source)
    shown = [
        f"{d.kind} {d.container + '.' if d.container else ''}{d.name} {d.first_line}-{d.last_line}: {d.signature}"
        for d in found.definitions
    ]
    assert shown[: len(definitions)] == definitions
    assert all("roken" in extra for extra in shown[len(definitions) :])
    assert [
        f"{i.module}:{i.name}{'=' + i.alias if i.alias else ''}@{i.line}" for i in found.imports
    ] == imports


def test_every_language_has_a_row() -> None:
    """No language gets symbols without a test of its own; the four of scripts share a grammar's worth of patterns."""
    known = set(symbols._FILES)
    assert known - set(CASES) == {"javascript", "javascriptreact", "typescript"}


JAVASCRIPT = """const r = require("./r");
export class A { static make = () => 1; async *gen() {} }
module.exports.run = function () {};
export const one = 1, two = (a) => a;
var Named = class extends B { m() {} };
function* g() {}
"""


@pytest.mark.parametrize("language", ["javascript", "javascriptreact", "typescript"])
def test_scripts(language: str) -> None:
    """JavaScript is read the same way under each name that editors have for it, and as TypeScript."""
    found = read("a.js", language, JAVASCRIPT)
    names = [(d.container, d.name, d.kind) for d in found.definitions]
    assert names == [
        ("", "r", "constant"),
        ("", "A", "class"),
        ("A", "make", "method"),
        ("A", "gen", "method"),
        ("module.exports", "run", "method"),
        ("", "one", "constant"),
        ("", "two", "function"),
        ("", "Named", "class"),
        ("Named", "m", "method"),
        ("", "g", "function"),
    ]
    assert [one.module for one in found.imports] == ["./r"]


def test_a_language_without_a_query() -> None:
    """There is nothing to find in it."""
    assert read("a.md", "markdown", "# def f(): pass") == symbols.Symbols()


def test_long_signatures_are_cut() -> None:
    """A signature has a few lines, whatever the source has."""
    long = "def f(\n" + "".join(f"    argument_{n}: int,\n" for n in range(200)) + "): pass\n"
    wide = f"def g({', '.join(f'argument_{n}' for n in range(500))}): pass\n"
    first, second = read("a.py", "python", long + wide).definitions
    assert first.signature.count("\n") < MAX_SIGNATURE_LINES
    assert len(second.signature) <= MAX_SIGNATURE_CHARACTERS


@pytest.mark.parametrize(
    "source",
    [
        "(" * 5_000,
        "x = " + "[" * 20_000 + "]" * 20_000,
        "".join(" " * n + "class A:\n" for n in range(400)),
        "\0" * 100,
        "",
    ],
    ids=["open", "lists", "classes", "zeros", "empty"],
)
def test_code_may_nest_as_deep_as_it_likes(source: str) -> None:
    """What no person writes ends in some answer."""
    read("a.py", "python", source)
