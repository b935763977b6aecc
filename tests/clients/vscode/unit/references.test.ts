/** Other language servers are asked for what they know, and nobody waits long for them. */
import assert from "node:assert/strict";
import test from "node:test";

import { MOST_REFERENCES, promptly } from "../../../../clients/vscode/src/references";

test("what is found in time is taken, up to a limit", async () => {
  assert.deepEqual(await promptly(Promise.resolve([1, 2])), [1, 2]);
  const many = Array.from({ length: MOST_REFERENCES + 1 }, (_, number) => number);
  assert.equal((await promptly(Promise.resolve(many))).length, MOST_REFERENCES);
});

test("no answer, a failure, and an answer that does not come are nothing", async () => {
  assert.deepEqual(await promptly(Promise.resolve(undefined)), []);
  assert.deepEqual(await promptly(Promise.reject(new Error("no provider"))), []);
  assert.deepEqual(await promptly(new Promise<number[]>(() => {}), 1), []);
});
