/** What is kept of a script's compilation is a hint: the script does the same with and without it. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";

import { load } from "../../../../clients/vscode/src/codecache";

const SCRIPT = 'exports.answer = () => require("node:path").basename(__filename) + __dirname.length;';

/** A folder with a script in it, and what it is loaded with; `kept` counts how often something was to be kept. */
function prepared(source = SCRIPT) {
  const folder = mkdtempSync(join(tmpdir(), "turnout-"));
  const state = { folder, kept: 0, code: join(folder, "code"), script: join(folder, "main.js"), answer: () => "" };
  writeFileSync(state.script, source);
  const later = (run: () => void) => {
    state.kept += 1;
    run();
  };
  state.answer = () => load<{ answer(): string }>(state.script, state.code, require, later).answer();
  return { ...state, state, file: () => join(state.code, readdirSync(state.code)[0] ?? "") };
}

test("the second start takes what the first one kept", () => {
  const { answer, folder, state } = prepared();
  assert.equal(answer(), `main.js${folder.length}`);
  assert.equal(answer(), `main.js${folder.length}`);
  assert.equal(state.kept, 1);
});

test("another script has nothing of the first, which goes", () => {
  const { answer, script, code } = prepared();
  answer();
  writeFileSync(script, SCRIPT.replace("basename", "dirname").replace("__dirname.length", '"new"'));
  assert.match(answer(), /new$/);
  assert.equal(readdirSync(code).length, 1);
});

for (const [what, damage] of [
  ["a flipped byte", (data: Buffer) => data.map((byte, at) => (at === data.length - 9 ? byte ^ 0xff : byte))],
  ["a cut", (data: Buffer) => data.subarray(0, -5)],
  ["nothing at all", () => Buffer.alloc(0)],
] as const) {
  test(`damage is seen: ${what}`, () => {
    const { answer, folder, file, state } = prepared();
    answer();
    writeFileSync(file(), damage(readFileSync(file())));
    assert.equal(answer(), `main.js${folder.length}`);
    assert.equal(state.kept, 2);
  });
}

test("a folder that cannot be made is nobody's concern", () => {
  const { answer, folder, code } = prepared();
  writeFileSync(code, "a file in its place");
  assert.equal(answer(), `main.js${folder.length}`);
});
