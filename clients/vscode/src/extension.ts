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
        const took = stopwatch();
        main = load<Main>(join(__dirname, "main.js"), join(context.globalStorageUri.fsPath, "code"), require);
        main.start(context, took);
        resolve();
      } catch (error) {
        reject(error instanceof Error ? error : new Error(String(error)));
      }
    });
  });
}

/** Tells how long it has been, by the clock and by what the processor did for this process. */
function stopwatch(): () => string {
  const began = performance.now();
  const before = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(before);
    const worked = (user + system) / 1000;
    return `${Math.round(performance.now() - began)} ms, ${Math.round(worked)} ms of processor time`;
  };
}

export function deactivate(): Promise<void> | undefined {
  return main?.stop();
}
