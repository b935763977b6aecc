/** What the user reads of a route. */
import assert from "node:assert/strict";
import test from "node:test";

import type { RouteExplanation } from "../../../../clients/vscode/src/protocol";
import { routeReport } from "../../../../clients/vscode/src/routetext";

const route = (more: Partial<RouteExplanation> = {}): RouteExplanation => ({
  chosen: "near",
  candidates: ["near"],
  eliminated: [],
  ...more,
});

test("a route of one model says no more than where it goes", () => {
  assert.equal(routeReport("inline", route()), "# Route for inline\n\nGoes to **near**.\n");
});

test("tier, strategy, places and budgets are said where there are any", () => {
  const report = routeReport(
    "fix",
    route({
      candidates: ["near", "opus"],
      strategy: "cheapest",
      tier: "simple",
      tierReason: "fix (1), about 200 tokens (-1)",
      notes: [{ model: "opus", note: "about $0.0100" }],
      budget: [{ limit: "a day", limitUsd: 5, spentUsd: 0.5, source: "config.toml:2 budget.day_usd" }],
    }),
  );
  for (const line of [
    "Taken to be simple: fix (1), about 200 tokens (-1).",
    "Ordered by `cheapest`.",
    "1. near",
    "2. opus: about $0.0100",
    "- $0.50 of $5.00 a day (config.toml:2 budget.day_usd)",
  ]) {
    assert.ok(report.split("\n").includes(line), report);
  }
});

test("a model that is passed over stands in a table with its setting, also from an older server", () => {
  const report = routeReport(
    "inline",
    route({ chosen: null, candidates: [], eliminated: [{ model: "a|b", reason: "no\nkey", source: null }] }),
  );
  assert.ok(report.includes("No model may take this request."));
  assert.ok(report.includes("| a\\|b | no key |  |"));
});
