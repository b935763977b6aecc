/** Wires the parts together; nothing is decided here. */
import vscode = require("vscode");

import { ActionCommands } from "./actioncommands";
import { actionMiddleware } from "./actions";
import { registerCommand } from "./commands";
import { CommitMessages } from "./commitmessage";
import { CursorReports } from "./cursor";
import { explainRoute, Reports, whyNothing } from "./explain";
import { fixFile } from "./fixfile";
import { InlineReports } from "./inline";
import { PrivateServer } from "./install";
import { registerKeys } from "./keys";
import { KeyStore } from "./keystore";
import { showOutgoing, showSent } from "./outgoing";
import { Pause } from "./pause";
import { pullModel } from "./pull";
import { Questions } from "./questions";
import { Refactoring } from "./refactor";
import { switchModel } from "./route";
import { Server } from "./server";
import { serverKeys } from "./settings";
import { SettingsFiles } from "./settingsfile";
import { SpendView } from "./spend";
import { showMenu, StatusBar } from "./status";
import { welcome } from "./welcome";

let server: Server | undefined;

/** `took` says how long it has been since this module was asked for. */
export function start(context: vscode.ExtensionContext, took: () => string): void {
  const log = vscode.window.createOutputChannel("Turnout", { log: true });
  const pause = new Pause();
  const inline = new InlineReports(pause);
  const reports = new Reports();
  const actions = new ActionCommands(registerCommand, vscode.commands.executeCommand);
  const store = new KeyStore(context.secrets, context.globalState);
  const own = new PrivateServer(context, log);
  const running = new Server(log, own, store, serverKeys(context.extension.packageJSON), {
    ...inline.middleware,
    ...actionMiddleware(context.workspaceState, reports, actions),
  });
  const spend = new SpendView(running);
  server = running;
  inline.attach(running);
  context.subscriptions.push(
    log,
    actions,
    reports,
    pause,
    inline,
    running,
    spend,
    registerKeys(running, store),
    new StatusBar(pause, running, inline),
    new Questions(running),
    new CommitMessages(running),
    new Refactoring(running, context.workspaceState, reports),
    new SettingsFiles(running),
    new CursorReports(running),
    registerCommand("turnout.fixFile", () => fixFile(running)),
    registerCommand("turnout.menu", () => showMenu(pause)),
    registerCommand("turnout.why", () => whyNothing(running)),
    registerCommand("turnout.explainRoute", () => explainRoute(running, reports)),
    registerCommand("turnout.showOutgoing", () => showOutgoing(running, reports)),
    registerCommand("turnout.showSent", () => showSent(running, reports)),
    registerCommand("turnout.switchModel", () => switchModel(running)),
    registerCommand("turnout.showSpend", () => spend.show()),
    registerCommand("turnout.install", () => running.install()),
    registerCommand("turnout.pullModel", () => pullModel(running, log)),
    registerCommand("turnout.restart", () => running.restart()),
    registerCommand("turnout.showLog", () => log.show()),
  );
  void running.start();
  void welcome(context.globalState);
  log.info(`Loaded in ${took()}`);
}

export function stop(): Promise<void> | undefined {
  return server?.stop();
}
