/** The status bar item: which model works, whether text leaves the machine, how fast and at what cost. */
import vscode = require("vscode");

import type { InlineReports } from "./inline";
import { State } from "./lsp";
import type { Pause } from "./pause";
import { type Status, StatusChanged } from "./protocol";
import type { Server } from "./server";
import { dollars } from "./spendpage";

/** A request that takes longer than this is shown to be under way. */
const PATIENCE_MS = 300;

interface View {
  text: string;
  /** The same in words, for the tooltip and for screen readers. */
  words: string[];
  background?: "warningBackground" | "errorBackground";
}

export class StatusBar implements vscode.Disposable {
  private readonly item = vscode.window.createStatusBarItem(
    "turnout.status",
    vscode.StatusBarAlignment.Right,
    100,
  );
  private readonly subscriptions: vscode.Disposable[];
  private status: Status | undefined;
  private serverState: State = State.Starting;
  private thinking: NodeJS.Timeout | undefined;
  private busy = false;

  constructor(
    private readonly pause: Pause,
    server: Server,
    inline: InlineReports,
  ) {
    this.item.name = "Turnout";
    this.item.command = "turnout.menu";
    this.subscriptions = [
      this.item,
      pause.onDidChange(() => this.render()),
      inline.onDidChangeBusy((busy) => this.setBusy(busy)),
      server.onDidChangeState((state) => {
        this.serverState = state;
        this.render();
      }),
    ];
    server.onClient((client) => {
      client.onNotification(StatusChanged, (status) => {
        this.status = status;
        this.render();
      });
    });
    this.render();
    this.item.show();
  }

  dispose(): void {
    clearTimeout(this.thinking);
    vscode.Disposable.from(...this.subscriptions).dispose();
  }

  /** Shows slow requests only: a sign that comes and goes with every key says nothing. */
  private setBusy(busy: boolean): void {
    clearTimeout(this.thinking);
    const set = (value: boolean) => {
      if (this.busy === value) return;
      this.busy = value;
      this.render();
    };
    if (busy) this.thinking = setTimeout(() => set(true), PATIENCE_MS);
    else set(false);
  }

  private render(): void {
    const { text, words, background } = this.view();
    this.item.text = text;
    this.item.tooltip = ["Turnout", ...words].join("\n");
    this.item.accessibilityInformation = { label: ["Turnout", ...words].join(", "), role: "button" };
    this.item.backgroundColor = background && new vscode.ThemeColor(`statusBarItem.${background}`);
  }

  private view(): View {
    if (this.serverState === State.Stopped || this.serverState === State.StartFailed) {
      return { text: "$(error) Turnout: stopped", words: ["the server is not running"], background: "errorBackground" };
    }
    if (this.serverState === State.Starting) {
      return { text: "$(loading~spin) Turnout", words: ["starting"] };
    }
    if (this.pause.active) return pausedView(this.pause.until);
    return this.status ? statusView(this.status, this.busy) : { text: "$(git-merge) Turnout", words: ["ready"] };
  }
}

function pausedView(until: Date | undefined): View {
  const when = until?.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  const words = when ? `paused until ${when}` : "paused";
  return { text: `$(debug-pause) Turnout: ${words}`, words: [words] };
}

/** Draws a status of the server; colour only repeats what icon and words say. */
export function statusView(status: Status, busy = false): View {
  const { state, model, leavesMachine, lastLatencyMs, spentTodayUsd, message } = status;
  const where = leavesMachine ? "text leaves this machine" : "text stays on this machine";
  const shown = [model ?? "Turnout"];
  const words: string[] = [state];
  if (model) words.push(`model ${model}`, where);
  if (lastLatencyMs != null) {
    shown.push(`${Math.round(lastLatencyMs)} ms`);
    words.push(`last answer after ${Math.round(lastLatencyMs)} milliseconds`);
  }
  if (spentTodayUsd) shown.push(dollars(spentTodayUsd));
  words.push(`${dollars(spentTodayUsd ?? 0)} spent today`);
  if (busy) words.push("waiting for the model");
  if (message) words.push(message);
  const view: View = { text: `${busy ? BUSY : icon(status)} ${shown.join(" · ")}`, words };
  if (state === "error") view.background = "errorBackground";
  return view;
}

const BUSY = "$(loading~spin)";

function icon({ state, model, leavesMachine }: Status): string {
  if (state === "error") return "$(error)";
  if (state === "off") return "$(circle-slash)";
  if (state !== "ready") return BUSY;
  if (!model) return "$(git-merge)";
  return leavesMachine ? "$(cloud-upload)" : "$(home)";
}

interface MenuEntry extends vscode.QuickPickItem {
  command: string;
  argument?: string;
}

/** What the status bar item opens. */
export async function showMenu(pause: Pause): Promise<void> {
  const pauseEntry: MenuEntry = pause.active
    ? { label: "$(play) Resume Completions", command: "turnout.resume" }
    : { label: "$(debug-pause) Pause Completions", command: "turnout.pause" };
  const entries: MenuEntry[] = [
    pauseEntry,
    { label: "$(clock) Snooze Completions...", command: "turnout.snooze" },
    { label: "$(question) Why Nothing Here?", command: "turnout.why" },
    { label: "$(git-merge) Explain Route...", command: "turnout.explainRoute" },
    { label: "$(arrow-swap) Switch Model...", command: "turnout.switchModel" },
    { label: "$(graph) Show Spend and Receipts", command: "turnout.showSpend" },
    { label: "$(edit) Refactor...", command: "turnout.refactor" },
    { label: "$(discard) Undo Last Refactor", command: "turnout.undo" },
    { label: "$(key) Set API Key...", command: "turnout.setKey" },
    { label: "$(settings-gear) Settings", command: "workbench.action.openSettings", argument: "@ext:turnout.turnout" },
    { label: "$(output) Show Log", command: "turnout.showLog" },
    { label: "$(debug-restart) Restart Server", command: "turnout.restart" },
  ];
  const chosen = await vscode.window.showQuickPick(entries, { title: "Turnout" });
  if (chosen) await vscode.commands.executeCommand(chosen.command, chosen.argument);
}
