/** Whether suggestions are paused, for good or for a while. An explicit trigger is answered all the same. */
import vscode = require("vscode");

const SNOOZE_MINUTES = [5, 15, 60];

export class Pause implements vscode.Disposable {
  private timer: NodeJS.Timeout | undefined;
  private readonly didChange = new vscode.EventEmitter<void>();
  private readonly subscriptions: vscode.Disposable[];
  readonly onDidChange = this.didChange.event;
  active = false;
  /** When a snooze ends; undefined when nothing is paused or the pause has no end. */
  until: Date | undefined;

  constructor() {
    this.subscriptions = [
      this.didChange,
      vscode.commands.registerCommand("turnout.pause", () => this.set(true)),
      vscode.commands.registerCommand("turnout.resume", () => this.set(false)),
      vscode.commands.registerCommand("turnout.snooze", () => this.chooseSnooze()),
    ];
  }

  dispose(): void {
    clearTimeout(this.timer);
    vscode.Disposable.from(...this.subscriptions).dispose();
  }

  private set(active: boolean, minutes?: number): void {
    clearTimeout(this.timer);
    this.active = active;
    this.until = minutes === undefined ? undefined : new Date(Date.now() + minutes * 60_000);
    if (minutes !== undefined) this.timer = setTimeout(() => this.set(false), minutes * 60_000);
    void vscode.commands.executeCommand("setContext", "turnout.paused", active);
    this.didChange.fire();
  }

  private async chooseSnooze(): Promise<void> {
    const items = SNOOZE_MINUTES.map((minutes) => ({ label: `${minutes} minutes`, minutes }));
    const chosen = await vscode.window.showQuickPick(items, { placeHolder: "No suggestions for the next" });
    if (chosen) this.set(true, chosen.minutes);
  }
}
