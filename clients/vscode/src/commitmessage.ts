/** Puts a message for what is staged into the input box of VS Code's own git extension; commits nothing. */
import vscode = require("vscode");

import { registerCommand } from "./commands";
import { State } from "./lsp";
import { CommitMessage } from "./protocol";
import type { Server } from "./server";
import { work } from "./work";

/** What is used of the interface that the git extension offers to others. */
interface Git {
  repositories: Repository[];
  getRepository(uri: vscode.Uri): Repository | null;
}

interface Repository {
  rootUri: vscode.Uri;
  inputBox: { value: string };
  ui: { selected: boolean };
}

export class CommitMessages implements vscode.Disposable {
  private readonly subscriptions: vscode.Disposable[];

  constructor(private readonly server: Server) {
    this.subscriptions = [
      registerCommand("turnout.generateCommitMessage", (control) => this.write(control as vscode.SourceControl)),
      server.onDidChangeState((state) => {
        if (state !== State.Running) return;
        void vscode.commands.executeCommand("setContext", "turnout.writesCommits", server.runs(CommitMessage.command));
      }),
    ];
  }

  dispose(): void {
    vscode.Disposable.from(...this.subscriptions).dispose();
  }

  /** `control` is given by the button of a repository, not by the palette. */
  private async write(control: vscode.SourceControl | undefined): Promise<void> {
    if (!this.server.runs(CommitMessage.command)) throw new Error("this server writes no commit messages.");
    const repository = await repositoryFor(control?.rootUri);
    if (!repository) throw new Error("there is no git repository open.");
    const { inputBox } = repository;
    const before = inputBox.value;
    if (before.trim() && !(await mayReplace())) return;
    const given = { command: CommitMessage.command, arguments: [{ folder: folderFor(repository).toString() }] };
    const written = await work(this.server, "Turnout: writing a commit message", CommitMessage.type, given);
    if (!written) return;
    // The user went on writing meanwhile: theirs stays.
    if (inputBox.value === before) inputBox.value = written.message;
    else void vscode.window.showInformationMessage(`Turnout's commit message: ${written.message}`);
  }
}

async function mayReplace(): Promise<boolean> {
  const question = "Replace the commit message that you have begun?";
  return (await vscode.window.showWarningMessage(question, { modal: true }, "Replace")) !== undefined;
}

/** The repository of the button, else the selected one, else that of the active file, else the first. */
async function repositoryFor(root: vscode.Uri | undefined): Promise<Repository | undefined> {
  const extension = vscode.extensions.getExtension<{ getAPI(version: 1): Git }>("vscode.git");
  if (!extension) return undefined;
  const git = (await extension.activate()).getAPI(1);
  const file = root ?? vscode.window.activeTextEditor?.document.uri;
  const selected = root ? undefined : git.repositories.find(({ ui }) => ui.selected);
  return selected ?? (file && git.getRepository(file)) ?? git.repositories[0];
}

/** The folder of the workspace that the server knows the repository by, which may lie within it. */
function folderFor({ rootUri }: Repository): vscode.Uri {
  const within = `${rootUri.path}/`;
  const folders = vscode.workspace.workspaceFolders ?? [];
  return folders.find(({ uri }) => `${uri.path}/`.startsWith(within))?.uri ?? rootUri;
}
