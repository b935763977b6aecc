/**
 * The entry point. Loads the rest in a turn of its own, so that the extensions that start with this one do not wait;
 * a command that was run meanwhile waits for it.
 */
import type * as vscode from "vscode";

type Main = typeof import("./main");

let main: Main | undefined;

export function activate(context: vscode.ExtensionContext): Promise<void> {
  return new Promise((resolve, reject) => {
    setImmediate(() => {
      try {
        main = require("./main") as Main;
        main.start(context);
        resolve();
      } catch (error) {
        reject(error instanceof Error ? error : new Error(String(error)));
      }
    });
  });
}

export function deactivate(): Promise<void> | undefined {
  return main?.stop();
}
