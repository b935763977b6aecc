/** Switches the model of a route: the chosen one goes first, the others of the chain stay behind it. */
import vscode = require("vscode");

import { caret } from "./explain";
import { Explain, KINDS, type ModelInfo, Models, NOT_IN_CHAIN, type RouteExplanation } from "./protocol";
import type { Server } from "./server";

interface KindPick extends vscode.QuickPickItem {
  request: string;
  route: RouteExplanation;
}

interface ModelPick extends vscode.QuickPickItem {
  info: ModelInfo;
}

/** Asks for a kind of request and for a model, and writes the choice where that route is set, else for the user. */
export async function switchModel(server: Server): Promise<void> {
  const here = caret();
  const kind = await vscode.window.showQuickPick(kindPicks(server), { title: "Switch the Model For" });
  if (!kind) return;
  const { models } = await server.request(Models, here ?? {});
  const chosen = await vscode.window.showQuickPick(
    models.map((info) => modelPick(info, kind.route)),
    { title: `Switch the Model For ${kind.label}`, matchOnDescription: true },
  );
  if (!chosen) return;
  await writeRoute(kind.request, newChain(chosen.info.name, kind.route));
  await sayOutcome(server, kind.request, chosen.info);
}

/** Says where the route leads now, which the rules of a file may know better than the user. */
async function sayOutcome(server: Server, kind: string, { name, leavesMachine }: ModelInfo): Promise<void> {
  const { chosen, eliminated } = await server.request(Explain, { kind, ...caret() });
  if (chosen === name) {
    const where = leavesMachine ? "text leaves this machine" : "text stays on this machine";
    void vscode.window.showInformationMessage(`Turnout: ${kind} goes to ${name} first; ${where}.`);
    return;
  }
  const reason = eliminated.find(({ model }) => model === name)?.reason ?? "another setting decides";
  const instead = chosen ? `goes to ${chosen}` : "goes nowhere";
  void vscode.window.showWarningMessage(`Turnout: ${kind} ${instead}, as ${name} is passed over: ${reason}.`);
}

/** The chain with `first` in front; those that cannot be used now stay in it. */
export function newChain(first: string, { candidates, eliminated }: RouteExplanation): string[] {
  const resting = eliminated.filter(({ reason }) => reason !== NOT_IN_CHAIN).map(({ model }) => model);
  return [...new Set([first, ...candidates, ...resting])];
}

async function kindPicks(server: Server): Promise<KindPick[]> {
  const here = caret();
  const routes = await Promise.all(KINDS.map((kind) => server.request(Explain, { kind, ...here })));
  return KINDS.flatMap((kind, index) => {
    const route = routes[index];
    return route ? [{ label: kind, description: route.chosen ?? "no model", request: kind, route }] : [];
  });
}

function modelPick(info: ModelInfo, { chosen, eliminated }: RouteExplanation): ModelPick {
  const out = eliminated.find(({ model, reason }) => model === info.name && reason !== NOT_IN_CHAIN);
  const where = info.leavesMachine ? "$(cloud-upload) text leaves this machine" : "$(home) text stays on this machine";
  return {
    label: info.name,
    description: info.name === chosen ? `${info.model}, in use` : info.model,
    detail: out ? `${where}; passed over: ${out.reason}` : where,
    info,
  };
}

async function writeRoute(kind: string, models: string[]): Promise<void> {
  const settings = vscode.workspace.getConfiguration("turnout");
  type Routes = Record<string, object>;
  const found = settings.inspect<Routes>("routes");
  const inWorkspace = found?.workspaceValue?.[kind] !== undefined;
  const target = inWorkspace ? vscode.ConfigurationTarget.Workspace : vscode.ConfigurationTarget.Global;
  const routes = (inWorkspace ? found?.workspaceValue : found?.globalValue) ?? {};
  await settings.update("routes", { ...routes, [kind]: { ...routes[kind], models } }, target);
}
