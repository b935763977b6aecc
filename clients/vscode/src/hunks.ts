/** Pure text work on proposed hunks. */
import type { FileChange, Hunk } from "./protocol";

/**
 * The text with the chosen hunks applied.
 * Lines and characters count from 0, characters in UTF-16 units; hunks do not overlap.
 */
export function applyHunks(text: string, hunks: readonly Hunk[]): string {
  const starts = lineStarts(text);
  const offset = (line: number, character: number) =>
    Math.min((starts[line] ?? text.length) + character, text.length);
  return [...hunks]
    .map(({ range: { start, end }, after }) => ({
      from: offset(start.line, start.character),
      to: offset(end.line, end.character),
      after,
    }))
    .sort((a, b) => b.from - a.from)
    .reduce((edited, { from, to, after }) => edited.slice(0, from) + after + edited.slice(to), text);
}

/** One line that tells hunks of a file apart: where it is and the first line that it writes. */
export function hunkLabel({ range, before, after }: Hunk): { label: string; description: string } {
  if (!before && !after) return { label: "the name of the file", description: "" };
  const first = (after || before).split("\n").find((line) => line.trim()) ?? "";
  const added = after ? after.replace(/\n$/, "").split("\n").length : 0;
  const removed = before ? before.replace(/\n$/, "").split("\n").length : 0;
  return { label: first.trim(), description: `line ${range.start.line + 1}, +${added} -${removed}` };
}

/** The name of a file for lists, with what happens to it where that is not an edit. */
export function fileLabel({ kind, uri, newUri }: FileChange): string {
  const part = (of: string, fromEnd: number) => decodeURIComponent(of.split("/").at(-fromEnd) ?? "");
  const name = (of: string) => part(of, 1);
  if (kind === "rename" && newUri) {
    if (name(uri) !== name(newUri)) return `${name(uri)} renamed to ${name(newUri)}`;
    return `${name(uri)} moved from ${part(uri, 2)} to ${part(newUri, 2)}`;
  }
  if (kind === "create") return `${name(uri)} (new)`;
  return kind === "delete" ? `${name(uri)} (deleted)` : name(uri);
}

function lineStarts(text: string): number[] {
  const starts = [0];
  for (const match of text.matchAll(/\r\n|\r|\n/g)) starts.push(match.index + match[0].length);
  return starts;
}
