/** Completion and checks while a `.turnout.toml` or `config.toml` is written; both are the server's own. */
import vscode = require("vscode");

import { State } from "./lsp";
import { type SettingsItem, SettingsFile } from "./protocol";
import type { Server } from "./server";

/** Of files with the second name, only the server knows which is the user's; it says nothing of any other. */
const FILES: vscode.DocumentSelector = [
  { scheme: "file", pattern: "**/.turnout.toml" },
  { scheme: "file", pattern: "**/config.toml" },
];
const PAUSE_MS = 250;
const KINDS = {
  table: vscode.CompletionItemKind.Module,
  key: vscode.CompletionItemKind.Property,
  value: vscode.CompletionItemKind.Value,
};

export class SettingsFiles implements vscode.Disposable {
  private readonly faults = vscode.languages.createDiagnosticCollection("turnout");
  private readonly waiting = new Map<string, NodeJS.Timeout>();
  private readonly subscriptions: vscode.Disposable[];

  constructor(private readonly server: Server) {
    this.subscriptions = [
      this.faults,
      vscode.workspace.onDidOpenTextDocument((document) => void this.check(document)),
      vscode.workspace.onDidChangeTextDocument(({ document }) => this.checkSoon(document)),
      vscode.workspace.onDidCloseTextDocument(({ uri }) => this.faults.delete(uri)),
      server.onDidChangeState((state) => {
        if (state === State.Running) vscode.workspace.textDocuments.forEach((document) => this.checkSoon(document));
      }),
      vscode.languages.registerCompletionItemProvider(
        FILES,
        { provideCompletionItems: (document, position) => this.complete(document, position) },
        "[", '"', "=", " ",
      ),
    ];
  }

  dispose(): void {
    for (const timer of this.waiting.values()) clearTimeout(timer);
    vscode.Disposable.from(...this.subscriptions).dispose();
  }

  private checkSoon(document: vscode.TextDocument): void {
    if (!isOurs(document)) return;
    const name = document.uri.toString();
    clearTimeout(this.waiting.get(name));
    this.waiting.set(name, setTimeout(() => void this.check(document), PAUSE_MS));
  }

  private async check(document: vscode.TextDocument): Promise<void> {
    if (!isOurs(document) || document.isClosed || !this.server.running) return;
    const asked = document.version;
    const { problems } = await this.server.request(SettingsFile, { textDocument: { uri: document.uri.toString() } });
    if (document.isClosed || document.version !== asked) return;
    const found = problems.map(({ line, key, message }) => {
      const { range, firstNonWhitespaceCharacterIndex: start } = document.lineAt(Math.min(line, document.lineCount - 1));
      const text = key ? `${key}: ${message}` : message;
      const fault = new vscode.Diagnostic(range.with(range.start.translate(0, start)), text, vscode.DiagnosticSeverity.Warning);
      fault.source = "Turnout";
      return fault;
    });
    this.faults.set(document.uri, found);
  }

  private async complete(document: vscode.TextDocument, position: vscode.Position): Promise<vscode.CompletionItem[]> {
    if (!this.server.running) return [];
    const textDocument = { uri: document.uri.toString() };
    const { items } = await this.server.request(SettingsFile, { textDocument, position });
    return items.map((item, index) => toItem(item, index, document, position));
  }
}

function isOurs(document: vscode.TextDocument): boolean {
  return vscode.languages.match(FILES, document) > 0;
}

/** The item; the closing bracket or quote that the editor put behind the caret is not written twice. */
function toItem(
  { text, kind, detail, help, replaces }: SettingsItem,
  index: number,
  document: vscode.TextDocument,
  position: vscode.Position,
): vscode.CompletionItem {
  const item = new vscode.CompletionItem(text.trim(), KINDS[kind]);
  const after = document.lineAt(position).text[position.character];
  const closes = text.length > 1 && after !== undefined && '"]'.includes(after) && text.endsWith(after);
  item.insertText = text;
  item.range = new vscode.Range(position.translate(0, -replaces), position.translate(0, closes ? 1 : 0));
  item.detail = detail;
  item.documentation = new vscode.MarkdownString(help);
  item.sortText = String(index).padStart(4, "0");
  if (kind === "key") item.command = { title: "", command: "editor.action.triggerSuggest" };
  return item;
}
