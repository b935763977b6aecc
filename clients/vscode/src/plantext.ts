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
  const { model, leavesMachine, tokensIn, tokensOut, costUsd, seconds, whyNone } = estimate;
  if (!model) return `No model may be asked: ${whyNone}`;
  const parts = [
    `Goes to ${model}, text ${leavesMachine ? "leaves" : "stays on"} this machine`,
    `about ${tokensIn} tokens in and ${tokensOut} out`,
    priceOf(costUsd),
    ...(seconds === null ? [] : [`about ${Math.max(1, Math.round(seconds))} s`]),
  ];
  return `${parts.join(", ")}.`;
}

function priceOf(costUsd: number | null): string {
  if (costUsd === null) return "at an unknown price";
  return costUsd === 0 ? "free of charge" : `about $${costUsd.toFixed(costUsd < 0.01 ? 4 : 2)}`;
}

function shortened(line: string): string {
  return line.length > STEP_CHARACTERS ? `${line.slice(0, STEP_CHARACTERS - 1)}…` : line;
}
