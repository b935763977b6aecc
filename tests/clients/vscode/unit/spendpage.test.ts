/** The page of spend and receipts: what it says, and what can never be in it. */
import assert from "node:assert/strict";
import test from "node:test";

import type { Receipt, SpendRow } from "../../../../clients/vscode/src/protocol";
import { dollars, spendPage } from "../../../../clients/vscode/src/spendpage";

const NOW = new Date(2026, 2, 2, 12);
const ROW: SpendRow = {
  day: "2026-03-02", model: "opus", kind: "refactor", leavesMachine: true, requests: 2, costUsd: 0.5,
  unpriced: 0, bytesSent: 12345, tokensIn: 3000, tokensOut: 200,
};
const RECEIPT: Receipt = {
  id: "r", kind: "fix", model: "near", route: ["near"], reason: "", leavesMachine: false, files: [], bytesSent: 1,
  tokens: { in: 1, out: 2, cached: 3 }, costUsd: null, ms: { total: 12.4 }, outcome: "answered",
  at: "2026-03-02T11:59:58.123+01:00",
};

const page = (rows: SpendRow[], receipts: Receipt[] = []) => spendPage(rows, receipts, "N0nce", NOW);

test("days are summed up by model and kind, and today apart", () => {
  const html = page([ROW, { ...ROW, day: "2026-03-01", costUsd: 1.25 }]);
  assert.match(html, /Today <strong>\$0\.50<\/strong>, the last 30 days <strong>\$1\.75<\/strong>/);
  assert.equal(html.match(/<td>opus<\/td>/g)?.length, 1);
  assert.match(html, /24,690/);
});

test("where text went is said in words", () => {
  const html = page([ROW], [RECEIPT]);
  assert.match(html, /left this machine/);
  assert.match(html, /stayed here/);
});

test("the form of a refactor's edits is said in words", () => {
  assert.match(page([ROW], [{ ...RECEIPT, edits: "whole_file: small <files>" }]), /as whole files \(small &#60;files&#62;\)/);
});

test("an unknown price is no price of nothing", () => {
  assert.match(page([], [RECEIPT]), />unknown</);
  assert.match(page([{ ...ROW, unpriced: 1 }]), /\$0\.50 \+ unknown/);
  assert.match(page([{ ...ROW, unpriced: 3 }]), /3 requests went to models whose price is unknown/);
});

test("text of models, files and servers is shown and never markup", () => {
  const evil = `<img src=x onerror="a()">'&`;
  const html = page([{ ...ROW, model: evil, kind: evil }], [{ ...RECEIPT, outcome: evil, model: evil, at: evil }]);
  assert.ok(!html.includes("<img"));
  assert.ok(html.includes("&#60;img"));
});

test("nothing is allowed but the page's own style", () => {
  const html = page([ROW], [RECEIPT]);
  assert.match(html, /content="default-src 'none'; style-src 'nonce-N0nce'"/);
  assert.ok(!/<script|style="|src=|href=|https?:/.test(html));
});

test("tables are read by their captions and column heads", () => {
  const html = page([ROW], [RECEIPT]);
  assert.equal(html.match(/<caption>/g)?.length, 2);
  assert.ok(!/<th(?!ead| scope="col")/.test(html));
});

test("dollars are cents, or more places below a cent", () => {
  assert.deepEqual([0, 0.0012, 0.01, 12.5].map(dollars), ["$0.00", "$0.0012", "$0.01", "$12.50"]);
});
