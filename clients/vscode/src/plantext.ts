/** The plan of a refactor in words. */
import type { Estimate, Plan, PlanStep } from "./protocol";

const STEP_CHARACTERS = 200;

/** What the user decides about, in one line. */
export function planHeadline({ summary, problem, steps }: Plan): string {
  if (problem) return `Turnout has no usable plan. ${problem}`;
  return summary ? `Turnout's plan: ${summary}` : `Turnout's plan: change ${steps.length} ${steps.length === 1 ? "file" : "files"}.`;
}

/** Every step, what was left out and why, and what the refactor will take. */
export function planDetail({ steps, dropped, skipped, estimate }: Plan): string {
  const lines = [
    ...steps.map(describeStep),
    ...dropped.map(({ path, reason }) => `May not be done: ${path}: ${reason}`),
    ...skipped.map(({ path, reason }) => `Left out: ${path}: ${reason}`),
  ];
  return [...lines.map(shortened), ...(lines.length ? [""] : []), describeEstimate(estimate)].join("\n");
}

const VERBS = { edit: "Edit", create: "Create", delete: "Delete", rename: "Rename" } as const;

function describeStep({ kind, path, newPath, change }: PlanStep): string {
  const paths = newPath ? `${path} to ${newPath}` : path;
  return `${VERBS[kind]} ${paths}${change ? `: ${change}` : ""}`;
}

function describeEstimate(estimate: Estimate): string {
  const { model, leavesMachine, tokensIn, tokensOut, costUsd, seconds, whyNone, most } = estimate;
  if (!model) return `No model may be asked: ${whyNone}`;
  const parts = [
    `Goes to ${model}, text ${leavesMachine ? "leaves" : "stays on"} this machine`,
    `about ${range(tokensIn, most?.tokensIn, String)} tokens in and ${range(tokensOut, most?.tokensOut, String)} out`,
    priceOf(costUsd, most?.costUsd),
    ...(seconds === null ? [] : [`about ${range(seconds, most?.seconds, wholeSeconds)} s`]),
    ...stepsOf(estimate),
  ];
  return `${parts.join(", ")}.`;
}

/** In how many turns or rounds, where it is more than one. */
function stepsOf({ turns = 1, rounds = 1, most }: Estimate): string[] {
  if (most) return [`in ${range(turns, most.turns, String)} turns`];
  return rounds > 1 ? [`in ${rounds} rounds`] : [];
}

function priceOf(costUsd: number | null, mostUsd?: number | null): string {
  if (costUsd === null) return "at an unknown price";
  return costUsd === 0 && !mostUsd ? "free of charge" : `about ${range(costUsd, mostUsd, dollars)}`;
}

/** Both ends, or one where they read alike or the other is not known. */
function range(few: number, many: number | null | undefined, words: (value: number) => string): string {
  const ends = [few, many ?? few].map(words);
  return [...new Set(ends)].join(" to ");
}

const dollars = (usd: number) => `$${usd.toFixed(usd < 0.01 ? 4 : 2)}`;
const wholeSeconds = (seconds: number) => String(Math.max(1, Math.round(seconds)));

function shortened(line: string): string {
  return line.length > STEP_CHARACTERS ? `${line.slice(0, STEP_CHARACTERS - 1)}…` : line;
}
