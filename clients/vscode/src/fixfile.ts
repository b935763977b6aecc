/** Has all problems of a file mended at once; the menu at a place knows only those that are there. */
import vscode = require("vscode");

import { CodeActionRequest } from "./lsp";
import type { Server } from "./server";

/** Sends every problem that the editor has of the active file, and runs the fix that is about all of them. */
export async function fixFile(server: Server): Promise<void> {
  const document = vscode.window.activeTextEditor?.document;
  const problems = document ? problemsOf(document) : [];
  if (!document || !server.current || problems.length === 0) {
    void vscode.window.showInformationMessage("Turnout: no problem of this file is known here.");
    return;
  }
  const offered = await server.request(CodeActionRequest.type, {
    textDocument: { uri: document.uri.toString() },
    range: { start: { line: 0, character: 0 }, end: { line: document.lineCount, character: 0 } },
    context: {
      diagnostics: await server.current.code2ProtocolConverter.asDiagnostics(problems),
      only: [vscode.CodeActionKind.QuickFix.value],
    },
  });
  // Each problem has its own fix first, and the last one is of all.
  const command = offered?.at(-1)?.command;
  if (typeof command === "object") await vscode.commands.executeCommand(command.command, ...(command.arguments ?? []));
}

/** Hints are for the eye, such as the grey of what nobody uses. */
function problemsOf(document: vscode.TextDocument): vscode.Diagnostic[] {
  const all = vscode.languages.getDiagnostics(document.uri);
  return all.filter(({ severity }) => severity !== vscode.DiagnosticSeverity.Hint);
}
