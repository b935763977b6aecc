/**
 * Reads the `turnout.*` settings as the table that the server takes.
 * Only values that somebody set are sent: a default of this editor must not hide the user's `config.toml`.
 * What comes with a workspace is kept apart from what the user set: it may be somebody else's word.
 */
import vscode = require("vscode");

const SECTION = "turnout";
/** Settings that concern this extension alone; the server would call them unknown keys. */
const OWN_SETTINGS = ["server.", "trace."];

export type SettingsTable = { [key: string]: unknown };

/** Where a value was set, as `inspect` of VS Code names it. */
type Place = "globalValue" | "workspaceValue" | "workspaceFolderValue";

/** The keys of the manifest's settings that belong to the server, such as `privacy.leaves_machine`. */
export function serverKeys(manifest: unknown): string[] {
  const { contributes } = manifest as {
    contributes: { configuration: { properties: Record<string, unknown> } };
  };
  return Object.keys(contributes.configuration.properties)
    .map((name) => name.slice(SECTION.length + 1))
    .filter((key) => !OWN_SETTINGS.some((prefix) => key.startsWith(prefix)));
}

/** The user's own settings, with the reserved key `client`, which holds those of the workspace and of its folders. */
export function readSettings(keys: readonly string[]): SettingsTable {
  return {
    ...tableAt("globalValue", keys),
    client: {
      name: "vscode",
      trusted: vscode.workspace.isTrusted,
      keepsKeys: true,
      workspace: tableAt("workspaceValue", keys),
      folders: folderTables(keys),
    },
  };
}

/** Whether a change of configuration may change what the server was told. */
export function concernsServer(event: vscode.ConfigurationChangeEvent, keys: readonly string[]): boolean {
  return keys.some((key) => event.affectsConfiguration(`${SECTION}.${key}`));
}

/** The settings of each folder by its URI; without a workspace file, those of the only folder are the workspace's. */
function folderTables(keys: readonly string[]): Record<string, SettingsTable> {
  if (vscode.workspace.workspaceFile === undefined) return {};
  const folders = vscode.workspace.workspaceFolders ?? [];
  return Object.fromEntries(
    folders.map(({ uri }) => [uri.toString(), tableAt("workspaceFolderValue", keys, uri)]),
  );
}

function tableAt(place: Place, keys: readonly string[], folder?: vscode.Uri): SettingsTable {
  const settings = vscode.workspace.getConfiguration(SECTION, folder);
  const table: SettingsTable = {};
  for (const key of keys) {
    const value = settings.inspect(key)?.[place];
    if (value !== undefined) setPath(table, key.split("."), value);
  }
  return table;
}

function setPath(table: SettingsTable, [head, ...rest]: string[], value: unknown): void {
  if (head === undefined) return;
  if (rest.length === 0) {
    table[head] = value;
    return;
  }
  const inner = (table[head] ??= {}) as SettingsTable;
  setPath(inner, rest, value);
}
