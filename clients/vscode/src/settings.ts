/**
 * Reads the `turnout.*` settings as the table that the server takes.
 * Only values that somebody set are sent: a default of this editor must not hide the user's `config.toml`.
 */
import * as vscode from "vscode";

const SECTION = "turnout";
/** Settings that concern this extension alone; the server would call them unknown keys. */
const OWN_SETTINGS = ["server.", "trace."];

export type SettingsTable = { [key: string]: unknown };

/** The keys of the manifest's settings that belong to the server, such as `privacy.leaves_machine`. */
export function serverKeys(manifest: unknown): string[] {
  const { contributes } = manifest as {
    contributes: { configuration: { properties: Record<string, unknown> } };
  };
  return Object.keys(contributes.configuration.properties)
    .map((name) => name.slice(SECTION.length + 1))
    .filter((key) => !OWN_SETTINGS.some((prefix) => key.startsWith(prefix)));
}

/** The server's settings table, with the reserved key `client`. */
export function readSettings(keys: readonly string[]): SettingsTable {
  const settings = vscode.workspace.getConfiguration(SECTION);
  const table: SettingsTable = {};
  for (const key of keys) {
    if (isSet(settings, key)) setPath(table, key.split("."), settings.get(key));
  }
  table["client"] = { name: "vscode", trusted: vscode.workspace.isTrusted, keepsKeys: true };
  return table;
}

/** Whether a change of configuration may change what the server was told. */
export function concernsServer(event: vscode.ConfigurationChangeEvent, keys: readonly string[]): boolean {
  return keys.some((key) => event.affectsConfiguration(`${SECTION}.${key}`));
}

function isSet(settings: vscode.WorkspaceConfiguration, key: string): boolean {
  const found = settings.inspect(key);
  return (
    found?.globalValue !== undefined ||
    found?.workspaceValue !== undefined ||
    found?.workspaceFolderValue !== undefined
  );
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
