/** Shows what a request would send now, and what the last ones did send: pages of the server, which nothing changes. */
import vscode = require("vscode");

import { referencesOf } from "./elsewhere";
import type { Reports } from "./explain";
import { KINDS, Outgoing, type OutgoingParams, Sent } from "./protocol";
import type { Server } from "./server";

/** What the user has to say for a request of a kind to be possible. */
const ASKS = new Map<string, string>([
  ["rewrite", "How should the selection be rewritten?"],
  ["refactor", "What should change?"],
]);

/** Asks for a request kind, and for what it needs, and opens what it would send from here. */
export async function showOutgoing(server: Server, reports: Reports): Promise<void> {
  const kind = await vscode.window.showQuickPick(KINDS, { title: "Show what would be sent for" });
  if (!kind) return;
  const prompt = ASKS.get(kind);
  const instruction = prompt === undefined ? "" : await vscode.window.showInputBox({ prompt });
  if (instruction === undefined) return;
  const references = kind === "refactor" ? await referencesOf(vscode.window.activeTextEditor) : {};
  const params = { kind, ...(instruction ? { instruction } : {}), ...references, ...place() };
  const { report } = await server.request(Outgoing, params);
  await reports.showText(`What ${kind} would send`, report);
}

/** Opens the prompts that were sent last. */
export async function showSent(server: Server, reports: Reports): Promise<void> {
  const { report } = await server.request(Sent, {});
  await reports.showText("What was sent", report);
}

/** The document, the caret and the selection of the active editor, with the problems that are there. */
function place(): Omit<OutgoingParams, "kind"> {
  const editor = vscode.window.activeTextEditor;
  if (!editor) return {};
  const { document, selection } = editor;
  const here = vscode.languages.getDiagnostics(document.uri).filter(({ range }) => range.intersection(selection));
  return {
    textDocument: { uri: document.uri.toString() },
    position: selection.active,
    range: plain(selection),
    diagnostics: here.map(({ range, message, source, code }) => ({
      range: plain(range),
      message,
      ...(source ? { source } : {}),
      ...(code === undefined ? {} : { code: typeof code === "object" ? code.value : code }),
    })),
  };
}

/** A range as it crosses the wire. */
function plain({ start, end }: vscode.Range): { start: vscode.Position; end: vscode.Position } {
  return { start, end };
}
