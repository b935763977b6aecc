/** A server that dies is started again, later each time, and no more when it keeps dying. */
import assert from "node:assert/strict";
import test from "node:test";

import { Crashes } from "../../../../clients/vscode/src/crashes";

test("each wait is twice the one before, until it is time to give up", () => {
  const crashes = new Crashes();
  const waits = [0, 1, 2, 3, 4, 5].map((second) => crashes.delayMs(second * 1000));
  assert.deepEqual(waits, [250, 500, 1000, 2000, 4000, undefined]);
});

test("a crash is forgotten after three minutes", () => {
  const crashes = new Crashes();
  const minute = 60_000;
  const waits = [0, 1, 2, 3, 4, 5, 6, 7].map((at) => crashes.delayMs(at * minute));
  assert.deepEqual(waits, [250, 500, 1000, 1000, 1000, 1000, 1000, 1000]);
});
