/** What a proposal says of itself. */
import assert from "node:assert/strict";
import test from "node:test";

import { checksReport, choiceOf, editsOf, notesOf, resultOf, summarise } from "../../../../clients/vscode/src/proposaltext";
import type { Check, Receipt, RefactorProposal, Verdict } from "../../../../clients/vscode/src/protocol";

const CHECKS: Check[] = [
  { name: "syntax a.py", ok: true, ran: true, message: "" },
  { name: "pytest -q", ok: true, ran: false, message: "not run: it is not trusted" },
  { name: "ruff check `a`", ok: false, ran: true, message: "new problems:\na.py:1: F821 ```x```\n" },
];

function proposal(state: Verdict["state"], text: string, complete = true): RefactorProposal {
  const hunk = { id: "0", before: "", after: "a", range: { start: { line: 0, character: 0 }, end: { line: 0, character: 0 } } };
  const file = { uri: "file:///a.py", kind: "edit" as const, diff: "", hunks: [hunk] };
  const skipped = [{ path: "b.py", reason: "too long" }];
  return { proposalId: "p", plan: "Longer names", files: [file], complete, checks: CHECKS, verdict: { state, text }, skipped, receipt: null };
}

test("the message has the verdict in the server's words, which are cut where they would fill it", () => {
  assert.equal(
    summarise(proposal("partly", "Verified in part. Not checked: pytest.", false)),
    "Turnout proposes 1 change in 1 file. Verified in part. Not checked: pytest. " +
      "A part of the model's answer could not be used. Left out: b.py (too long).",
  );
  assert.ok(summarise(proposal("failed", "Failed: ".padEnd(4000, "x"))).length < 500);
});

test("the notes have the plan and what is missing", () => {
  assert.equal(notesOf(proposal("verified", "Verified: syntax.")), "Longer names · Left out: b.py (too long)");
  assert.match(notesOf(proposal("verified", "", false)), /could not be used/);
  const conflict = { uri: "file:///b.py", message: "There is a file already." };
  assert.match(notesOf(proposal("verified", ""), [conflict]), / · Does not fit now: b\.py: There is a file already\.$/);
});

for (const [state, chosen, icon, words] of [
  ["verified", 4, "pass", "4 of 4 changes, verified"],
  ["partly", 4, "question", "4 of 4 changes, verified in part"],
  ["failed", 4, "error", "4 of 4 changes, checks failed"],
  ["verified", 3, "question", "3 of 4 changes, not verified as chosen"],
  ["partly", 0, "question", "0 of 4 changes, not verified as chosen"],
  ["failed", 3, "error", "3 of 4 changes, checks failed"],
] as const) {
  test(`${chosen} of 4 changes of a proposal that is ${state}: a choice is not what was verified`, () => {
    assert.deepEqual(choiceOf({ state, text: "" }, chosen, 4), { icon, words });
  });
}

test("a check that did not run neither passed nor failed", () => {
  assert.deepEqual(CHECKS.map(resultOf), ["passed", "not checked", "failed"]);
});

test("the report begins with the verdict and what failed, and no text of a check ends its code", () => {
  const report = checksReport(proposal("failed", "Failed: ruff check.", false));
  const places = ["**Failed: ruff check.**", "could not be used", "### failed: `` ruff check `a` ``", "### not checked", "### passed"];
  const found = places.map((text) => report.indexOf(text));
  assert.ok(found.every((at) => at >= 0), report);
  assert.deepEqual(found, [...found].sort((a, b) => a - b));
  assert.match(report, /\n````\nnew problems:\na\.py:1: F821 ```x```\n````\n/);
});

for (const [edits, words] of [
  [undefined, ""],
  ["", ""],
  ["blocks: as models.opus.edits says", "as blocks of lines to replace (as models.opus.edits says)"],
  ["whole_file: 8 of 9 usable as whole_file", "as whole files (8 of 9 usable as whole files)"],
  ["tools: it is known to call them; blocks: large", "by calls of tools (it is known to call them); as blocks of lines to replace (large)"],
  ["riddles", "riddles"],
] as const) {
  test(`the form of edits is said in words: ${edits}`, () => {
    const receipt: Receipt = {
      id: "r", kind: "refactor", model: "near", route: [], reason: "", leavesMachine: false, files: [], bytesSent: 1,
      tokens: { in: 1, out: 2, cached: 3 }, costUsd: null, ms: { total: 1 }, outcome: "proposed", ...(edits === undefined ? {} : { edits }),
    };
    assert.equal(editsOf(receipt), words);
    const report = checksReport({ ...proposal("verified", "Verified."), receipt });
    assert.equal(report.includes("The model gave its edits"), words !== "");
    assert.ok(report.includes(words));
  });
}
