/**
 * Owns the language server: starts it, tells it the settings, restarts it.
 * There is at most one client at a time; whoever needs it asks here, because a restart makes a new one.
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { homedir } from "node:os";
import vscode = require("vscode");

import { Backoff } from "./backoff";
import { isAtLeast, OLDEST_SERVER } from "./environment";
import { findExecutable } from "./executable";
import type { PrivateServer } from "./install";
import { type KeyStore, withoutKeys } from "./keystore";
import {
  CompletionRequest,
  DidChangeConfigurationNotification,
  ExecuteCommandRequest,
  InlineCompletionRequest,
  LanguageClient,
  type LanguageClientOptions,
  type MessageSignature,
  type Middleware,
  type NotificationType,
  type RequestParam,
  type RequestType,
  State,
} from "./lsp";
import type { Advertised } from "./protocol";
import { concernsServer, readSettings } from "./settings";

/**
 * Requests whose failures the client library does not show: those that typing sends belong into the log,
 * and those of a chosen action are shown in our own words.
 */
const QUIET: ReadonlySet<string> = new Set([
  InlineCompletionRequest.method,
  CompletionRequest.method,
  ExecuteCommandRequest.method,
]);

type Choice = "Install" | "Update" | "Try Again" | "Restart Server" | "Show Log" | "Set the Path";

class QuietClient extends LanguageClient {
  override handleFailedRequest<T>(
    type: MessageSignature,
    token: vscode.CancellationToken | undefined,
    error: unknown,
    fallback: T,
    notify = true,
    throwOnCancel = false,
  ): T {
    return super.handleFailedRequest(
      type,
      token,
      error,
      fallback,
      notify && !QUIET.has(type.method),
      throwOnCancel,
    );
  }
}

export class Server implements vscode.Disposable {
  private client: LanguageClient | undefined;
  /** The `turnout` that was last started. */
  command: string | undefined;
  private readonly subscriptions: vscode.Disposable[] = [];
  private readonly workspaceSettings = vscode.workspace.createFileSystemWatcher("**/.turnout.toml");
  private readonly didChangeState = new vscode.EventEmitter<State>();
  private readonly listeners: ((client: LanguageClient) => void)[] = [];
  readonly onDidChangeState = this.didChangeState.event;

  constructor(
    private readonly log: vscode.LogOutputChannel,
    private readonly own: PrivateServer,
    private readonly store: KeyStore,
    private readonly keys: readonly string[],
    private readonly middleware: Middleware,
  ) {
    this.subscriptions.push(
      this.didChangeState,
      this.workspaceSettings,
      vscode.workspace.onDidGrantWorkspaceTrust(() => this.trustGranted()),
      vscode.workspace.onDidChangeConfiguration((event) => this.configurationChanged(event)),
    );
  }

  /** Whether the server answers requests now. */
  get running(): boolean {
    return this.client?.isRunning() ?? false;
  }

  /** Starts the server; a missing command or a failed start is shown to the user, never thrown. */
  async start(): Promise<void> {
    const command = this.findCommand();
    if (command === undefined) {
      this.didChangeState.fire(State.StartFailed);
      void this.offerInstall();
      return;
    }
    this.command = command;
    this.log.info(`Starting ${command} serve --stdio`);
    const client = this.createClient(command);
    this.client = client;
    try {
      await client.start();
      this.checkVersion(command, client.initializeResult?.serverInfo?.version);
    } catch (error) {
      this.log.error(`The server did not start: ${String(error)}`);
      this.didChangeState.fire(State.StartFailed);
      void this.offer(`Turnout could not start "${command}".`, "Restart Server", "Show Log", "Set the Path");
    }
  }

  /** Ends the running server, if there is one, and starts it anew from the present settings. */
  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  async stop(): Promise<void> {
    const client = this.client;
    this.client = undefined;
    try {
      await client?.dispose();
    } catch (error) {
      this.log.warn(`The server did not stop in an orderly way: ${String(error)}`);
    }
  }

  /** Sends a request; rejects when no server runs. */
  request<P, R, E>(type: RequestType<P, R, E>, params: P, token?: vscode.CancellationToken): Promise<R> {
    if (!this.client || !this.running) {
      return Promise.reject(new Error("The Turnout server is not running. Run Turnout: Restart Server."));
    }
    return this.client.sendRequest(type, params as RequestParam<P>, token);
  }

  /** Sends a notification, or drops it when no server runs. */
  notify<P>(type: NotificationType<P>, params: P): void {
    if (!this.client || !this.running) return;
    this.client
      .sendNotification(type, params as RequestParam<P>)
      .catch((error: unknown) => this.log.warn(String(error)));
  }

  /** Calls `listener` with each client, so that it can register its handlers before the start. */
  onClient(listener: (client: LanguageClient) => void): void {
    this.listeners.push(listener);
    if (this.client) listener(this.client);
  }

  get current(): LanguageClient | undefined {
    return this.client;
  }

  /** What the running server says that it takes beyond the standard. */
  get advertised(): Advertised | undefined {
    return this.client?.initializeResult?.capabilities.experimental as Advertised | undefined;
  }

  /** Whether the running server has this command. */
  runs(command: string): boolean {
    return this.client?.initializeResult?.capabilities.executeCommandProvider?.commands.includes(command) ?? false;
  }

  dispose(): void {
    vscode.Disposable.from(...this.subscriptions).dispose();
  }

  private findCommand(): string | undefined {
    return findExecutable({
      configured: vscode.workspace.getConfiguration("turnout").get<string>("server.path", ""),
      path: process.env["PATH"] ?? "",
      folders: (vscode.workspace.workspaceFolders ?? []).map(({ uri }) => uri.fsPath),
      trusted: vscode.workspace.isTrusted,
      own: this.own.command,
    });
  }

  private createClient(command: string): LanguageClient {
    const options: LanguageClientOptions = {
      documentSelector: [{ scheme: "file" }, { scheme: "untitled" }],
      initializationOptions: () => readSettings(this.keys),
      synchronize: { fileEvents: this.workspaceSettings },
      outputChannel: this.log,
      traceOutputChannel: withoutKeys(this.log, this.store),
      errorHandler: new Backoff(() => void this.offer("The Turnout server keeps stopping.", "Restart Server", "Show Log")),
      middleware: {
        ...this.middleware,
        workspace: {
          configuration: ({ items }) => items.map(() => readSettings(this.keys)),
        },
      },
      markdown: { supportHtml: false },
    };
    const client = new QuietClient("turnout", "Turnout", () => launch(command), options);
    client.onDidChangeState(({ newState }) => this.didChangeState.fire(newState));
    for (const listener of this.listeners) listener(client);
    return client;
  }

  private configurationChanged(event: vscode.ConfigurationChangeEvent): void {
    // VS Code names every restricted setting when a folder is trusted, also those that have not changed.
    const moved = event.affectsConfiguration("turnout.server") && this.findCommand() !== this.command;
    if (moved) void this.restart();
    else if (concernsServer(event, this.keys)) this.sendSettings();
  }

  private trustGranted(): void {
    if (this.running) this.sendSettings();
    else void this.restart();
  }

  /** Tells the server the settings as they are now; it asks for keys anew. */
  sendSettings(): void {
    const settings = { turnout: readSettings(this.keys) };
    void this.client?.sendNotification(DidChangeConfigurationNotification.type, { settings });
  }

  /** Installs the server into the extension's own environment, and starts it. */
  async install(): Promise<void> {
    await this.stop();
    this.didChangeState.fire(State.Starting);
    try {
      if (!(await this.own.install())) return this.didChangeState.fire(State.StartFailed);
    } catch (error) {
      this.didChangeState.fire(State.StartFailed);
      const reason = error instanceof Error ? error.message : String(error);
      this.log.error(`The server was not installed: ${reason}`);
      return this.offer(`The Turnout server was not installed: ${reason}`, "Try Again", "Show Log");
    }
    await this.start();
  }

  private offerInstall(): Promise<void> {
    return this.offer(
      "Turnout's server is not on this machine. Install it into an environment of this extension's own?",
      "Install",
      "Set the Path",
    );
  }

  /** A server that is too old says nothing about it itself. */
  private checkVersion(command: string, version: string | undefined): void {
    this.log.info(`${command} is version ${version ?? "unknown"}`);
    if (command === this.own.command && this.own.outdated) {
      void this.offer("A newer Turnout server came with this extension.", "Update");
    } else if (version && !isAtLeast(version, OLDEST_SERVER)) {
      const message = `The Turnout server ${version} is older than ${OLDEST_SERVER}, which this extension needs.`;
      void this.offer(`${message} Update ${command}, or set the path of another.`, "Set the Path", "Show Log");
    }
  }

  private async offer(message: string, ...choices: Choice[]): Promise<void> {
    const chosen = await vscode.window.showWarningMessage(message, ...choices);
    if (chosen === "Install" || chosen === "Update" || chosen === "Try Again") await this.install();
    else if (chosen === "Restart Server") await this.restart();
    else if (chosen === "Show Log") this.log.show();
    else if (chosen) await openSetting("turnout.server.path");
  }
}

/** Shows a setting where it can be set: one of the machine is not among the user's in a remote window. */
function openSetting(query: string): Thenable<unknown> {
  const where = vscode.env.remoteName ? "openRemoteSettings" : "openSettings";
  return vscode.commands.executeCommand(`workbench.action.${where}`, { query });
}

/**
 * Spawns the server; rejects with the operating system's reason when the command cannot be run.
 * It never runs in the workspace, as Windows and Python look for what they run in the current folder first.
 */
function launch(command: string): Promise<ChildProcess> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, ["serve", "--stdio"], { cwd: homedir() });
    child.once("spawn", () => resolve(child));
    child.once("error", reject);
  });
}
