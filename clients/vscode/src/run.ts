/** Runs a command outside of the workspace and passes on what it says, line by line. */
import { spawn } from "node:child_process";
import { homedir } from "node:os";
import { createInterface } from "node:readline";
import type * as vscode from "vscode";

const LAST_LINES = 6;

/**
 * False when cancelled, true at the end of a command that went well; throws with the last lines of any other.
 * It runs at home, as Windows and Python look for what they run in the current folder first.
 */
export function runCommand(
  command: string,
  args: readonly string[],
  tell: (line: string) => void,
  token: vscode.CancellationToken,
): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: homedir(), stdio: ["ignore", "pipe", "pipe"] });
    const last: string[] = [];
    const hear = (line: string) => {
      if (last.push(line) > LAST_LINES) last.shift();
      tell(line);
    };
    createInterface({ input: child.stdout }).on("line", hear);
    createInterface({ input: child.stderr }).on("line", hear);
    const cancelling = token.onCancellationRequested(() => child.kill());
    child.once("error", (error) => {
      cancelling.dispose();
      reject(error);
    });
    child.once("close", (code) => {
      cancelling.dispose();
      if (token.isCancellationRequested) resolve(false);
      else if (code === 0) resolve(true);
      else reject(new Error(`${command} ended with ${code}: ${last.join(" ")}`));
    });
  });
}
