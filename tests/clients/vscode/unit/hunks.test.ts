/** Hunks put into a text, and how they are called. */
import assert from "node:assert/strict";
import test from "node:test";

import { applyHunks, fileLabel, hunkLabel } from "../../../../clients/vscode/src/hunks";
import type { Hunk } from "../../../../clients/vscode/src/protocol";

const hunk = (line: number, end: number, before: string, after: string): Hunk => ({
  id: `${line}`,
  before,
  after,
  range: { start: { line, character: 0 }, end: { line: end, character: 0 } },
});

test("any choice of hunks goes in, whatever the line ends", () => {
  for (const eol of ["\n", "\r\n", "\r"]) {
    const text = ["a", "b", "c", ""].join(eol);
    const first = hunk(0, 1, `a${eol}`, `A${eol}`);
    const last = hunk(2, 3, `c${eol}`, "");
    assert.equal(applyHunks(text, []), text);
    assert.equal(applyHunks(text, [last, first]), ["A", "b", ""].join(eol));
  }
});

test("a hunk past the end is put at the end", () => {
  assert.equal(applyHunks("a", [hunk(9, 9, "", "b")]), "ab");
});

test("labels tell hunks and files apart", () => {
  assert.deepEqual(hunkLabel(hunk(4, 6, "x\ny\n", "\n  z\n")), { label: "z", description: "line 5, +2 -2" });
  const file = { version: null, diff: "", hunks: [] };
  assert.equal(fileLabel({ ...file, uri: "file:///a%20b.py", kind: "create" }), "a b.py (new)");
  assert.equal(fileLabel({ ...file, uri: "file:///a.py", newUri: "file:///b.py", kind: "rename" }), "a.py renamed to b.py");
  const moved = { ...file, uri: "file:///w/my%20pkg/a.py", newUri: "file:///w/lib/a.py", kind: "rename" as const };
  assert.equal(fileLabel(moved), "a.py moved from my pkg to lib");
});
