/** Answers two questions of the user: why is there nothing here, and why that model. */
import vscode = require("vscode");

import { Explain, KINDS, Why } from "./protocol";
import { routeReport } from "./routetext";
import type { Server } from "./server";

const SCHEME = "turnout-report";

/** Rendered Markdown pages, kept in memory. */
export class Reports implements vscode.TextDocumentContentProvider, vscode.Disposable {
  private readonly pages = new Map<string, string>();
  private readonly changed = new vscode.EventEmitter<vscode.Uri>();
  readonly onDidChange = this.changed.event;
  /** Last, because registering reads `onDidChange`. */
  private readonly registration = vscode.workspace.registerTextDocumentContentProvider(SCHEME, this);

  provideTextDocumentContent(uri: vscode.Uri): string {
    return this.pages.get(uri.path) ?? "";
  }

  /** Opens a page beside the editor, or fills the one of that title anew. */
  async show(title: string, markdown: string): Promise<void> {
    const uri = vscode.Uri.from({ scheme: SCHEME, path: `${title}.md` });
    this.pages.set(uri.path, markdown);
    this.changed.fire(uri);
    await vscode.commands.executeCommand("markdown.showPreviewToSide", uri);
  }

  /** Opens a page of plain text beside the editor, or fills the one of that title anew; nobody can edit it. */
  async showText(title: string, text: string): Promise<void> {
    const uri = vscode.Uri.from({ scheme: SCHEME, path: `${title}.txt` });
    this.pages.set(uri.path, text);
    this.changed.fire(uri);
    const document = await vscode.workspace.openTextDocument(uri);
    await vscode.window.showTextDocument(document, { viewColumn: vscode.ViewColumn.Beside, preview: true });
  }

  dispose(): void {
    vscode.Disposable.from(this.changed, this.registration).dispose();
  }
}

/** Shows why no suggestion stands at the caret. */
export async function whyNothing(server: Server): Promise<void> {
  const here = caret();
  if (!here) {
    void vscode.window.showInformationMessage("Turnout: open a file and place the caret where you miss a suggestion.");
    return;
  }
  const { reason } = await server.request(Why, here);
  void vscode.window.showInformationMessage(`Turnout: ${reason ?? "no request was made here yet."}`);
}

/** Asks for a request kind and shows which model it would go to, and why the others were passed over. */
export async function explainRoute(server: Server, reports: Reports): Promise<void> {
  const here = caret();
  const kind = await vscode.window.showQuickPick(KINDS, { title: "Explain the route of" });
  if (!kind) return;
  const explanation = await server.request(Explain, { kind, ...here });
  await reports.show(`Route for ${kind}`, routeReport(kind, explanation));
}

/** The caret, as a request has it. */
export function caret(): { textDocument: { uri: string }; position: vscode.Position } | undefined {
  const editor = vscode.window.activeTextEditor;
  if (!editor) return undefined;
  return { textDocument: { uri: editor.document.uri.toString() }, position: editor.selection.active };
}
