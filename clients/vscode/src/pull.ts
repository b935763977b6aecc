/** Fetches the local model ahead of its first use, for the walkthrough. */
import vscode = require("vscode");

import { runCommand } from "./run";
import type { Server } from "./server";

/** Fetches the default model of this machine, with progress; what is there already is only checked. */
export async function pullModel(server: Server, log: vscode.LogOutputChannel): Promise<void> {
  const command = server.command;
  if (!command) throw new Error("there is no server yet. Run Turnout: Install Server.");
  const title = "Turnout: downloading the local model";
  const options = { location: vscode.ProgressLocation.Notification, title, cancellable: true };
  const done = await vscode.window.withProgress(options, (report, token) => {
    const tell = (line: string) => {
      log.info(line);
      report.report({ message: line });
    };
    return runCommand(command, ["models", "pull"], tell, token);
  });
  if (done) void vscode.window.showInformationMessage("Turnout: the local model is on this machine.");
}
