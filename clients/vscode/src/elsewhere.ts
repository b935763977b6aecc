/** What other extensions say of a document: the references to the symbol at the caret. */
import vscode = require("vscode");

import type { Place } from "./protocol";
import { promptly } from "./references";

/** Where other language servers find the symbol at the caret, as a refactor takes it; empty where there is none. */
export async function referencesOf(editor: vscode.TextEditor | undefined): Promise<{ references?: Place[] }> {
  if (editor?.document.uri.scheme !== "file") return {};
  const { document, selection } = editor;
  if (!document.getWordRangeAtPosition(selection.active)) return {};
  const found = await promptly(
    vscode.commands.executeCommand<vscode.Location[] | undefined>(
      "vscode.executeReferenceProvider",
      document.uri,
      selection.active,
    ),
  );
  const references = found.map(({ uri, range: { start, end } }) => ({ uri: uri.toString(), range: { start, end } }));
  return references.length ? { references } : {};
}
