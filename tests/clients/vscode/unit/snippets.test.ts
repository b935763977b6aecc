/** When a snippet is being filled in, read from edits and caret moves. */
import assert from "node:assert/strict";
import test from "node:test";

import { Snippets } from "../../../../clients/vscode/src/snippets";

/** `for (item of items)` inserted at 10, with `item` selected. */
function inSnippet(): Snippets {
  const snippets = new Snippets();
  snippets.edited([{ offset: 10, removed: 3, inserted: 19 }]);
  snippets.moved({ from: 15, to: 19 }, false);
  return snippets;
}

function type(snippets: Snippets, offset: number, removed = 0): void {
  snippets.edited([{ offset, removed, inserted: 1 }]);
  snippets.moved({ from: offset + 1, to: offset + 1 }, false);
}

test("text that comes in at once with a part of it selected is a snippet", () => {
  assert.equal(inSnippet().active, true);
});

test("typing over a placeholder and on goes on with the snippet", () => {
  const snippets = inSnippet();
  type(snippets, 15, 4);
  type(snippets, 16);
  assert.equal(snippets.active, true);
});

test("the next placeholder goes on with it, however the text grew before it", () => {
  const snippets = inSnippet();
  for (let at = 15; at < 40; at++) type(snippets, at, at === 15 ? 4 : 0);
  snippets.moved({ from: 44, to: 49 }, false);
  assert.equal(snippets.active, true);
});

test("it is over where the caret goes to a place with nothing selected, or out of it", () => {
  for (const to of [{ from: 29, to: 29 }, { from: 200, to: 200 }, { from: 100, to: 110 }]) {
    const snippets = inSnippet();
    snippets.moved(to, false);
    assert.equal(snippets.active, false, JSON.stringify(to));
  }
});

test("an edit elsewhere, several at once, and another editor end it", () => {
  const elsewhere = inSnippet();
  elsewhere.edited([{ offset: 0, removed: 0, inserted: 1 }]);
  assert.equal(elsewhere.active, false);
  const many = inSnippet();
  many.edited([{ offset: 15, removed: 0, inserted: 1 }, { offset: 20, removed: 0, inserted: 1 }]);
  assert.equal(many.active, false);
  const other = inSnippet();
  other.reset();
  assert.equal(other.active, false);
});

test("the caret may be at the end of the text first", () => {
  const snippets = new Snippets();
  snippets.edited([{ offset: 10, removed: 3, inserted: 19 }]);
  snippets.moved({ from: 29, to: 29 }, false);
  snippets.moved({ from: 15, to: 19 }, false);
  assert.equal(snippets.active, true);
});

test("what the user selects in text that came in at once makes it no snippet", () => {
  const snippets = new Snippets();
  snippets.edited([{ offset: 0, removed: 0, inserted: 30 }]);
  snippets.moved({ from: 30, to: 30 }, false);
  snippets.moved({ from: 29, to: 30 }, true);
  assert.equal(snippets.active, false);
});

test("pasting, accepting and typing are no snippets", () => {
  const snippets = new Snippets();
  snippets.edited([{ offset: 0, removed: 0, inserted: 30 }]);
  snippets.moved({ from: 30, to: 30 }, false);
  type(snippets, 30);
  assert.equal(snippets.active, false);
  snippets.moved({ from: 4, to: 9 }, false);
  assert.equal(snippets.active, false);
});
