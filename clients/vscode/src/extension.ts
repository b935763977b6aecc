/**
 * The entry point. Loads the rest in a turn of its own, so that the extensions that start with this one do not wait;
 * a command that was run meanwhile waits for it.
 */
import { join } from "node:path";
import type * as vscode from "vscode";

import { load } from "./codecache";

type Main = typeof import("./main");

let main: Main | undefined;

export function activate(context: vscode.ExtensionContext): Promise<void> {
  return new Promise((resolve, reject) => {
    setImmediate(() => {
      try {
        const began = performance.now();
        main = load<Main>(join(__dirname, "main.js"), join(context.globalStorageUri.fsPath, "code"), require);
        main.start(context, began);
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
