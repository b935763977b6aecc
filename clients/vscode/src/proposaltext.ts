/** A proposal in words: what it changes, and what was found out about it. */
import type { Check, Conflict, Receipt, RefactorProposal, Verdict } from "./protocol";

const VERDICT_CHARACTERS = 300;
const INCOMPLETE = "A part of the model's answer could not be used.";

/** For each verdict its icon, and the words for it where space is short. */
export const VERDICTS = {
  verified: { icon: "pass", words: "verified" },
  partly: { icon: "question", words: "verified in part" },
  failed: { icon: "error", words: "checks failed" },
} as const satisfies Record<Verdict["state"], object>;

/** What is proposed, by which model at what cost, the server's verdict, and what was left out. */
export function summarise({ files, verdict, complete, skipped = [], receipt }: RefactorProposal): string {
  const changes = files.reduce((sum, { hunks }) => sum + hunks.length, 0);
  const parts = [`${count(changes, "change")} in ${count(files.length, "file")}`];
  if (receipt) {
    const cost = receipt.costUsd ? `, $${receipt.costUsd.toFixed(receipt.costUsd < 0.01 ? 4 : 2)}` : "";
    parts.push(`by ${receipt.model}${receipt.leavesMachine ? "" : " on this machine"}${cost}`);
  }
  const out = skipped.map(({ path, reason }) => `${path} (${reason})`).join(", ");
  const sentences = [`Turnout proposes ${parts.join(" ")}.`, shortened(verdict.text)];
  return [...sentences, ...(complete ? [] : [INCOMPLETE]), ...(out ? [`Left out: ${out}.`] : [])].join(" ");
}

/** The plan, what was left out, and what does not fit the files any more, for above the list of changes. */
export function notesOf(
  { plan, complete, skipped = [] }: RefactorProposal,
  conflicts: readonly Conflict[] = [],
): string {
  const out = skipped.map(({ path, reason }) => `Left out: ${path} (${reason})`);
  const unfit = conflicts.map((conflict) => `Does not fit now: ${describeConflict(conflict)}`);
  return [plan, ...(complete ? [] : [INCOMPLETE]), ...out, ...unfit].filter(Boolean).join(" · ");
}

/** Says a conflict in one line. */
export function describeConflict({ uri, message, line }: Conflict): string {
  if (!uri) return message;
  const name = decodeURIComponent(uri.replace(/^.*\//, ""));
  return line == null ? `${name}: ${message}` : `${name}, line ${line + 1}: ${message}`;
}

const FORMS: Record<string, string> = {
  blocks: "as blocks of lines to replace",
  whole_file: "as whole files",
  tools: "by calls of tools",
};

/** In which form the model gave its edits, and why so; empty where it gave none. */
export function editsOf({ edits = "" }: Receipt): string {
  const forms = edits.split("; ").map((one) => {
    const [form = "", ...why] = one.split(": ");
    return `${FORMS[form] ?? form}${why.length ? ` (${why.join(": ")})` : ""}`;
  });
  return forms.join("; ").replaceAll("whole_file", "whole files");
}

/** What is chosen, and what the verdict, which is about all changes together, says of that. */
export function choiceOf({ state }: Verdict, chosen: number, all: number): { icon: string; words: string } {
  const counted = `${chosen} of ${all} changes`;
  const { icon, words } = VERDICTS[state];
  if (chosen < all && state !== "failed") return { icon: "question", words: `${counted}, not verified as chosen` };
  return { icon, words: `${counted}, ${words}` };
}

/** What a check came to. */
export function resultOf(check: Check): "passed" | "failed" | "not checked" {
  if (!check.ok) return "failed";
  return check.ran ? "passed" : "not checked";
}

/** The checks, those first that the user should look at. */
export function byUrgency(checks: readonly Check[]): Check[] {
  return (["failed", "not checked", "passed"] as const).flatMap((result) =>
    checks.filter((check) => resultOf(check) === result),
  );
}

/** All checks with what each of them said, new problems among it, and the form of the edits, as Markdown. */
export function checksReport({ verdict, checks, complete, receipt }: RefactorProposal): string {
  const form = receipt && editsOf(receipt);
  const lead = [
    `**${verdict.text}**`,
    ...(complete ? [] : [INCOMPLETE]),
    ...(form ? [`The model gave its edits ${form}.`] : []),
  ];
  return [...lead, "The checks ran on all changes together.", ...byUrgency(checks).map(section)].join("\n\n");
}

function section(check: Check): string {
  const heading = `### ${resultOf(check)}: ${code(check.name.replace(/\s+/g, " "), 1, " ")}`;
  return check.message ? `${heading}\n\n${code(check.message.trimEnd(), 3, "\n")}` : heading;
}

/** Code that no backquotes in `text` can end. */
function code(text: string, least: number, gap: string): string {
  const longest = Math.max(0, ...[...text.matchAll(/`+/g)].map(([ticks]) => ticks.length));
  const fence = "`".repeat(Math.max(least, longest + 1));
  return `${fence}${gap}${text}${gap}${fence}`;
}

function shortened(text: string): string {
  return text.length > VERDICT_CHARACTERS ? `${text.slice(0, VERDICT_CHARACTERS - 1)}…` : text;
}

function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? "" : "s"}`;
}
