/** Registers the commands of the palette. */
import * as vscode from "vscode";

/** Registers a command whose failure is shown as a message that starts with the product's name. */
export function registerCommand(name: string, run: () => unknown): vscode.Disposable {
  return vscode.commands.registerCommand(name, async () => {
    try {
      await run();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      void vscode.window.showErrorMessage(`Turnout: ${reason}`);
    }
  });
}
