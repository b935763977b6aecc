/**
 * Finds the `turnout` command.
 * A command out of a repository is only ever run in a workspace that the user trusts.
 */
import { accessSync, constants, statSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, isAbsolute, join } from "node:path";

const WINDOWS = process.platform === "win32";
const NAME = WINDOWS ? "turnout.exe" : "turnout";
const ENVIRONMENTS = [".venv", "venv"];

export interface Places {
  /** The setting `turnout.server.path`; empty where the user set none. */
  configured: string;
  /** The variable `PATH`. */
  path: string;
  /** The folders of the workspace, and whether the user trusts them. */
  folders: readonly string[];
  trusted: boolean;
  /** The command of the extension's own environment, where it has one. */
  own: string | undefined;
}

/** The path of the command: as configured, else on PATH, else in a trusted workspace's environment, else `own`. */
export function findExecutable({ configured, path, folders, trusted, own }: Places): string | undefined {
  if (configured.trim()) return expand(configured.trim(), folders[0]);
  return [...onPath(NAME, path), ...(trusted ? inFolders(folders) : [])].find(isExecutable) ?? own;
}

/** Where a program of this name would be; relative entries of PATH are left out, as they may lead into a repository. */
export function onPath(name: string, path = process.env["PATH"] ?? ""): string[] {
  return path
    .split(delimiter)
    .filter(isAbsolute)
    .map((folder) => join(folder, name));
}

function inFolders(folders: readonly string[]): string[] {
  return folders.flatMap((folder) => ENVIRONMENTS.map((name) => join(folder, name, WINDOWS ? "Scripts" : "bin", NAME)));
}

function expand(path: string, folder: string | undefined): string {
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
