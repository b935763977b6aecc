/**
 * Shows the server's questions, such as whether text may leave the machine, so that none is lost.
 * VS Code shows three messages within 0.8 s and puts further ones behind its bell; while a question is open an entry in
 * the status bar leads there. It is no dialog, since a key that was meant for the text must not be taken for a yes.
 */
import vscode = require("vscode");

import { type MessageActionItem, MessageType, ShowMessageRequest, type ShowMessageRequestParams, State } from "./lsp";
import type { Server } from "./server";

export class Questions implements vscode.Disposable {
  private readonly open = new Set<string>();
  private readonly reminder = vscode.window.createStatusBarItem(
    "turnout.question",
    vscode.StatusBarAlignment.Right,
    102,
  );
  private readonly subscriptions: vscode.Disposable[];

  constructor(server: Server) {
    this.reminder.name = "Turnout Question";
    this.reminder.text = "$(question) Turnout asks you";
    this.reminder.command = "notifications.showList";
    this.reminder.backgroundColor = new vscode.ThemeColor("statusBarItem.warningBackground");
    this.subscriptions = [
      this.reminder,
      server.onDidChangeState((state) => {
        if (state === State.Running) return;
        this.open.clear(); // nobody waits for the answers any more
        this.render();
      }),
    ];
    server.onClient((client) => {
      client.onRequest(ShowMessageRequest.type, (params) => this.ask(params));
    });
  }

  dispose(): void {
    vscode.Disposable.from(...this.subscriptions).dispose();
  }

  private async ask({ type, message, actions = [] }: ShowMessageRequestParams): Promise<MessageActionItem | null> {
    this.open.add(message);
    this.render();
    try {
      return (await shownAs(type)(message, ...actions)) ?? null;
    } finally {
      this.open.delete(message);
      this.render();
    }
  }

  private render(): void {
    const questions = [...this.open];
    this.reminder.tooltip = questions.join("\n\n");
    this.reminder.accessibilityInformation = { label: `Turnout asks: ${questions.join(" ")}`, role: "button" };
    if (questions.length) this.reminder.show();
    else this.reminder.hide();
  }
}

type Show = (message: string, ...answers: MessageActionItem[]) => Thenable<MessageActionItem | undefined>;

function shownAs(type: MessageType): Show {
  if (type === MessageType.Error) return vscode.window.showErrorMessage;
  return type === MessageType.Warning ? vscode.window.showWarningMessage : vscode.window.showInformationMessage;
}
