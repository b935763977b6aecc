/** Opens the page of spend and receipts, and fills it anew whenever the user comes back to it. */
import { randomBytes } from "node:crypto";
import vscode = require("vscode");

import { Receipts, Spend } from "./protocol";
import type { Server } from "./server";
import { spendPage } from "./spendpage";

const RECEIPTS = 100;
const DAYS = 30;

export class SpendView implements vscode.Disposable {
  private panel: vscode.WebviewPanel | undefined;

  constructor(private readonly server: Server) {}

  async show(): Promise<void> {
    if (this.panel) {
      this.panel.reveal();
      return this.fill(this.panel);
    }
    const panel = vscode.window.createWebviewPanel("turnout.spend", "Turnout Spend", vscode.ViewColumn.Active, {
      enableScripts: false,
      enableForms: false,
      localResourceRoots: [],
    });
    this.panel = panel;
    panel.onDidDispose(() => (this.panel = undefined));
    panel.onDidChangeViewState(() => {
      if (panel.visible) void this.fill(panel);
    });
    await this.fill(panel);
  }

  dispose(): void {
    this.panel?.dispose();
  }

  private async fill(panel: vscode.WebviewPanel): Promise<void> {
    const [{ rows }, { receipts }] = await Promise.all([
      this.server.request(Spend, { days: DAYS }),
      this.server.request(Receipts, { count: RECEIPTS }),
    ]);
    panel.webview.html = spendPage(rows, receipts, randomBytes(16).toString("base64"), new Date());
  }
}
