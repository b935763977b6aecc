/** Registers the commands of the palette. */
import vscode = require("vscode");

import { ErrorCodes, ResponseError } from "./lsp";

/** Registers a command whose failure is shown as a message that starts with the product's name. */
export function registerCommand(name: string, run: (argument: unknown) => unknown): vscode.Disposable {
  return vscode.commands.registerCommand(name, async (argument: unknown) => {
    try {
      await run(argument);
    } catch (error) {
      void vscode.window.showErrorMessage(`Turnout: ${reasonOf(error)}`);
    }
  });
}

/** What went wrong, in words for the user. */
export function reasonOf(error: unknown): string {
  if (error instanceof ResponseError && error.code === ErrorCodes.PendingResponseRejected) {
    return "the server stopped while it was at work. It is started again; ask once more.";
  }
  return error instanceof Error ? error.message : String(error);
}
