/**
 * Finds the `turnout` command.
 * A command out of a repository is only ever run in a workspace that the user trusts.
 */
import { accessSync, constants, statSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, isAbsolute, join } from "node:path";
import vscode = require("vscode");

const WINDOWS = process.platform === "win32";
const NAME = WINDOWS ? "turnout.exe" : "turnout";
const ENVIRONMENTS = [".venv", "venv"];

/**
 * The path of the command: as configured, else on PATH, else in a trusted workspace's environment, else `own`.
 */
export function findExecutable(own: string | undefined): string | undefined {
  const configured = vscode.workspace.getConfiguration("turnout").get<string>("server.path", "").trim();
  if (configured) return expand(configured);
  return [...onPath(NAME), ...inWorkspace()].find(isExecutable) ?? own;
}

/** Where a program of this name would be; relative entries of PATH are left out, as they may lead into a repository. */
export function onPath(name: string): string[] {
  return (process.env["PATH"] ?? "")
    .split(delimiter)
    .filter(isAbsolute)
    .map((folder) => join(folder, name));
}

function inWorkspace(): string[] {
  if (!vscode.workspace.isTrusted) return [];
  const folders = vscode.workspace.workspaceFolders ?? [];
  return folders.flatMap((folder) =>
    ENVIRONMENTS.map((name) => join(folder.uri.fsPath, name, WINDOWS ? "Scripts" : "bin", NAME)),
  );
}

function expand(path: string): string {
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath;
  const home = path.replace(/^~(?=[/\\])/, homedir());
  return folder ? home.replaceAll("${workspaceFolder}", folder) : home;
}

/** Whether there is a file that this user may run. */
export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
