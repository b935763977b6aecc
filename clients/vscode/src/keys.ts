/** The commands of API keys, and the answer to the server's question for one. */
import vscode = require("vscode");

import { registerCommand } from "./commands";
import { type KeyStore, objection } from "./keystore";
import { Key, type ModelInfo, Models } from "./protocol";
import type { Server } from "./server";

/** Registers the commands of keys, and answers the server. */
export function registerKeys(server: Server, store: KeyStore): vscode.Disposable {
  server.onClient((client) => {
    client.onRequest(Key, async ({ endpoint }) => ({ key: await store.get(endpoint) }));
  });
  return vscode.Disposable.from(
    registerCommand("turnout.setKey", () => setKey(server, store)),
    registerCommand("turnout.removeKey", () => removeKey(server, store)),
  );
}

interface ModelPick extends vscode.QuickPickItem {
  info: ModelInfo;
}

async function setKey(server: Server, store: KeyStore): Promise<void> {
  const { models } = await server.request(Models, {});
  const picks = models.filter(({ endpoint, api }) => endpoint !== null && api !== "local").map(modelPick);
  const chosen = await vscode.window.showQuickPick(picks, { title: "API Key For", matchOnDescription: true });
  const endpoint = chosen?.info.endpoint;
  if (!chosen || !endpoint) return;
  const key = await vscode.window.showInputBox({
    title: `API Key for ${chosen.info.name}`,
    prompt: `Kept in the secret storage of this editor, and sent to ${endpoint} alone.`,
    password: true,
    ignoreFocusOut: true,
    validateInput: (text) => objection(text.trim()),
  });
  if (!key) return;
  await store.set(endpoint, key.trim());
  await useEditorKey(chosen.info.name);
  server.sendSettings();
  void vscode.window.showInformationMessage(`Turnout: the key for ${endpoint} is kept in this editor's secret storage.`);
}

async function removeKey(server: Server, store: KeyStore): Promise<void> {
  const endpoint = await vscode.window.showQuickPick(store.endpoints(), {
    title: "Remove the API Key For",
    placeHolder: store.endpoints().length ? "An endpoint" : "This editor keeps no keys.",
  });
  if (!endpoint) return;
  await store.remove(endpoint);
  server.sendSettings();
  void vscode.window.showInformationMessage(`Turnout: the key for ${endpoint} is gone.`);
}

function modelPick(info: ModelInfo): ModelPick {
  const state = info.hasKey ? `has a key (${info.key})` : "has no key";
  return { label: info.name, description: `${info.model}, ${state}`, detail: info.endpoint ?? "", info };
}

/** Has the user's own settings say that the model's key is here. */
async function useEditorKey(name: string): Promise<void> {
  const settings = vscode.workspace.getConfiguration("turnout");
  const models = settings.inspect<Record<string, object>>("models")?.globalValue ?? {};
  const changed = { ...models, [name]: { ...models[name], key: "editor" } };
  await settings.update("models", changed, vscode.ConfigurationTarget.Global);
}
