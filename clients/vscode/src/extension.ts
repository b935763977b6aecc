/** Wires the parts together; nothing is decided here. */
import * as vscode from "vscode";

import { actionMiddleware } from "./actions";
import { registerCommand } from "./commands";
import { explainRoute, Reports, whyNothing } from "./explain";
import { InlineReports } from "./inline";
import { Pause } from "./pause";
import { Refactoring } from "./refactor";
import { Server } from "./server";
import { serverKeys } from "./settings";
import { showMenu, StatusBar } from "./status";

let server: Server | undefined;

export function activate(context: vscode.ExtensionContext): void {
  const log = vscode.window.createOutputChannel("Turnout", { log: true });
  const pause = new Pause();
  const inline = new InlineReports(pause);
  const reports = new Reports();
  const running = new Server(log, serverKeys(context.extension.packageJSON), {
    ...inline.middleware,
    ...actionMiddleware(context.workspaceState, reports),
  });
  server = running;
  inline.attach(running);
  context.subscriptions.push(
    log,
    reports,
    pause,
    inline,
    running,
    new StatusBar(pause, running),
    new Refactoring(running, context.workspaceState),
    registerCommand("turnout.menu", () => showMenu(pause)),
    registerCommand("turnout.why", () => whyNothing(running)),
    registerCommand("turnout.explainRoute", () => explainRoute(running, reports)),
    registerCommand("turnout.restart", () => running.restart()),
    registerCommand("turnout.showLog", () => log.show()),
  );
  void running.start();
}

export function deactivate(): Promise<void> | undefined {
  return server?.stop();
}
