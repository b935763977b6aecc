/** Which `turnout` is run: never one out of a folder that the user does not trust. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import test from "node:test";

import { findExecutable, type Places } from "../../../../clients/vscode/src/executable";

const root = mkdtempSync(join(tmpdir(), "turnout-"));

/** A command in a folder below `root`. */
function command(folder: string, mode = 0o755): string {
  mkdirSync(join(root, folder), { recursive: true });
  writeFileSync(join(root, folder, "turnout"), "", { mode });
  return join(root, folder, "turnout");
}

const installed = command("usr/bin");
const venv = command("project/.venv/bin");
const own = command("own/bin");
const inert = command("inert/bin", 0o644);
const nowhere: Places = { configured: "", path: "", folders: [], trusted: true, own: undefined };
const project: Places = { ...nowhere, folders: [join(root, "project")], own };

const rows: [string, Places, string | undefined][] = [
  ["nothing anywhere", nowhere, undefined],
  ["on PATH before the workspace", { ...project, path: join(root, "usr/bin") }, installed],
  ["in the environment of a trusted folder", project, venv],
  ["never in that of another folder", { ...project, trusted: false }, own],
  ["the extension's own", { ...nowhere, own }, own],
  ["as configured, whatever else there is", { ...project, configured: " /opt/turnout " }, "/opt/turnout"],
  ["configured at home", { ...project, configured: "~/turnout" }, join(homedir(), "turnout")],
  ["configured in the folder", { ...project, configured: "${workspaceFolder}/t" }, join(root, "project/t")],
  ["not what nobody may run", { ...nowhere, path: [join(root, "inert/bin"), join(root, "usr/bin")].join(delimiter) }, installed],
  ["no relative entry of PATH", { ...nowhere, path: `.venv/bin${delimiter}` }, undefined],
];

for (const [what, places, expected] of rows) {
  test(`found: ${what}`, () => {
    assert.notEqual(findExecutable(places), inert);
    assert.equal(findExecutable(places), expected);
  });
}
