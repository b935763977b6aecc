/** Tells the server where the caret rests, for a server that prepares for the next key and says so. */
import vscode = require("vscode");

import { State } from "./lsp";
import { Cursor } from "./protocol";
import type { Server } from "./server";

const REST_MS = 200;

export class CursorReports implements vscode.Disposable {
  private timer: NodeJS.Timeout | undefined;
  private wanted = false;
  private readonly subscriptions: vscode.Disposable[];

  constructor(private readonly server: Server) {
    this.subscriptions = [
      vscode.window.onDidChangeTextEditorSelection(() => this.moved()),
      vscode.window.onDidChangeActiveTextEditor(() => this.moved()),
      server.onDidChangeState((state) => {
        if (state !== State.Running) return;
        this.wanted = server.advertised?.turnout?.cursor === true;
        this.moved();
      }),
    ];
  }

  dispose(): void {
    clearTimeout(this.timer);
    vscode.Disposable.from(...this.subscriptions).dispose();
  }

  private moved(): void {
    if (!this.wanted) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.tell(), REST_MS);
  }

  private tell(): void {
    const editor = vscode.window.activeTextEditor;
    if (editor?.document.uri.scheme !== "file") return;
    const { line, character } = editor.selection.active;
    this.server.notify(Cursor, {
      textDocument: { uri: editor.document.uri.toString() },
      position: { line, character },
    });
  }
}
