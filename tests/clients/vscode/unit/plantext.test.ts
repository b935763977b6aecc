/** What the user reads of a plan before any edit is written. */
import assert from "node:assert/strict";
import test from "node:test";

import { planDetail, planHeadline } from "../../../../clients/vscode/src/plantext";
import type { Plan } from "../../../../clients/vscode/src/protocol";

const plan = (more: Partial<Plan> = {}, estimate: Partial<Plan["estimate"]> = {}): Plan => ({
  id: "p",
  summary: "Rename it.",
  steps: [
    { kind: "edit", path: "a.py", change: "the name" },
    { kind: "rename", path: "b.py", newPath: "c.py", change: "" },
  ],
  dropped: [],
  skipped: [],
  problem: "",
  estimate: {
    model: "opus",
    leavesMachine: true,
    tokensIn: 1200,
    tokensOut: 300,
    costUsd: 0.0023,
    seconds: 0.2,
    whyNone: "",
    ...estimate,
  },
  ...more,
});

test("the headline is the plan, or says that there is none", () => {
  assert.equal(planHeadline(plan()), "Turnout's plan: Rename it.");
  assert.equal(planHeadline(plan({ summary: "" })), "Turnout's plan: change 2 files.");
  assert.equal(planHeadline(plan({ problem: "No." })), "Turnout has no usable plan. No.");
});

test("every step, every file left out and the whole estimate is said", () => {
  const more = { dropped: [{ path: "../x", reason: "No." }], skipped: [{ path: "y", reason: "Binary." }] };
  assert.deepEqual(planDetail(plan(more)).split("\n"), [
    "Edit a.py: the name",
    "Rename b.py to c.py",
    "May not be done: ../x: No.",
    "Left out: y: Binary.",
    "",
    "Goes to opus, text leaves this machine, about 1200 tokens in and 300 out, about $0.0023, about 1 s.",
  ]);
});

test("a range has both its ends, and is said to be one of turns", () => {
  const most = { turns: 8, tokensIn: 9000, tokensOut: 300, costUsd: 0.05, seconds: 40 };
  const tail = (estimate: Partial<Plan["estimate"]>) => planDetail(plan({ steps: [] }, { turns: 3, most, ...estimate }));
  assert.equal(
    tail({}),
    "Goes to opus, text leaves this machine, about 1200 to 9000 tokens in and 300 out, about $0.0023 to $0.05, " +
      "about 1 to 40 s, in 3 to 8 turns.",
  );
  assert.match(tail({ most: { ...most, costUsd: null, seconds: null } }), /300 out, about \$0\.0023, about 1 s, in 3 to 8/);
  assert.match(tail({ costUsd: 0, most: { ...most, costUsd: 0, turns: 3 } }), /free of charge, about 1 to 40 s, in 3 turns/);
  assert.match(planDetail(plan({}, { turns: 1, most: null, rounds: 4 })), /about 1 s, in 4 rounds\.$/);
});

test("what is not known is not made up", () => {
  const tail = (estimate: Partial<Plan["estimate"]>) => planDetail(plan({ steps: [] }, estimate));
  assert.match(tail({ costUsd: null, seconds: null }), /300 out, at an unknown price\.$/);
  assert.match(tail({ costUsd: 0, leavesMachine: false }), /stays on this machine, .*free of charge, about 1 s\.$/);
  assert.equal(tail({ model: null, whyNone: "opus: no key" }), "No model may be asked: opus: no key");
});

test("a step without end is shortened", () => {
  const [line] = planDetail(plan({ steps: [{ kind: "edit", path: "a.py", change: "x".repeat(999) }] })).split("\n");
  assert.equal(line?.length, 200);
});
