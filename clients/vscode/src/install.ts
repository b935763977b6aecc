/**
 * Puts the server into an environment of this extension's own, where there is none on this machine.
 * Nothing is installed unless the user said so; a half-made environment is never used.
 */
import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import vscode = require("vscode");

import { binary, installSteps, OLDEST_PYTHON, packageSpec, type Step, type Tools } from "./environment";
import { isExecutable, onPath } from "./executable";
import { runCommand } from "./run";

const WINDOWS = process.platform === "win32";
const PYTHONS = ["python3.14", "python3.13", "python3.12", "python3.11", "python3", "python"];

export class PrivateServer {
  private readonly folder: string;
  /** Written last, with what was installed. */
  private readonly stamp: string;

  constructor(
    private readonly context: vscode.ExtensionContext,
    private readonly log: vscode.LogOutputChannel,
  ) {
    this.folder = join(context.globalStorageUri.fsPath, "server");
    this.stamp = join(this.folder, "installed.txt");
  }

  /** The installed command; undefined where nothing was installed, or not to the end. */
  get command(): string | undefined {
    const command = binary(this.folder, "turnout", WINDOWS);
    return existsSync(this.stamp) && isExecutable(command) ? command : undefined;
  }

  /** Whether what is installed is not what would be installed now, as after an update of this extension. */
  get outdated(): boolean {
    return this.command !== undefined && readFileSync(this.stamp, "utf-8") !== this.wanted();
  }

  /** Installs, with progress and a Cancel button; false when the user cancelled. Throws with the last lines said. */
  async install(): Promise<boolean> {
    const wanted = this.wanted();
    if (!wanted) throw new Error("this extension came without the server; set `turnout.server.package`.");
    const steps = installSteps(await findTools(), this.folder, wanted, WINDOWS);
    if (steps.length === 0) {
      throw new Error(`no Python ${OLDEST_PYTHON.join(".")} or newer was found. Install one from python.org, and try again.`);
    }
    await rm(this.stamp, { force: true });
    await mkdir(this.context.globalStorageUri.fsPath, { recursive: true });
    const done = await vscode.window.withProgress(
      { location: vscode.ProgressLocation.Notification, title: "Installing the Turnout server", cancellable: true },
      (report, token) => this.runAll(steps, report, token),
    );
    if (done) await writeFile(this.stamp, wanted);
    return done;
  }

  private async runAll(
    steps: Step[],
    report: vscode.Progress<{ message?: string }>,
    token: vscode.CancellationToken,
  ): Promise<boolean> {
    for (const step of steps) {
      if (token.isCancellationRequested) return false;
      report.report({ message: step.title });
      const tell = (line: string) => {
        this.log.info(line);
        report.report({ message: line.trim().slice(0, 80) });
      };
      this.log.info(`> ${step.command} ${step.args.join(" ")}`);
      if (!(await runCommand(step.command, step.args, tell, token))) return false;
    }
    return true;
  }

  private wanted(): string | undefined {
    const configured = vscode.workspace.getConfiguration("turnout").get<string>("server.package", "");
    return packageSpec(configured, bundledWheel(this.context.asAbsolutePath("dist/server")));
  }
}

function bundledWheel(folder: string): string | undefined {
  const name = existsSync(folder) ? readdirSync(folder).find((file) => file.endsWith(".whl")) : undefined;
  return name && join(folder, name);
}

async function findTools(): Promise<Tools> {
  const uv = onPath(WINDOWS ? "uv.exe" : "uv").find(isExecutable);
  for (const name of PYTHONS) {
    for (const path of onPath(WINDOWS ? `${name}.exe` : name).filter(isExecutable)) {
      if (await isNewEnough(path)) return { uv, python: path };
    }
  }
  return { uv };
}

/** Whether a Python can make our environment. The store's placeholder on Windows, for one, runs nothing. */
function isNewEnough(python: string): Promise<boolean> {
  const test = `import sys, venv, ensurepip; sys.exit(sys.version_info < (${OLDEST_PYTHON.join(", ")}))`;
  return new Promise((resolve) => {
    execFile(python, ["-c", test], { cwd: homedir(), timeout: 20_000 }, (error) => resolve(error === null));
  });
}
