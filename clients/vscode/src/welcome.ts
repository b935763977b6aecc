/** Opens the walkthrough on the first start, behind what the user is looking at. */
import vscode = require("vscode");

const SEEN = "turnout.welcomed";
const WALKTHROUGH = "turnout.turnout#turnout.start";

/** Opens it once; never for a user who switched such pages off. The editor does so itself only in some installations. */
export async function welcome(memory: vscode.Memento): Promise<void> {
  const wanted = vscode.workspace.getConfiguration("workbench.welcomePage.walkthroughs").get("openOnInstall", true);
  if (!wanted || memory.get(SEEN, false)) return;
  await memory.update(SEEN, true);
  const inactive = vscode.window.activeTextEditor !== undefined;
  await vscode.commands.executeCommand("workbench.action.openWalkthrough", WALKTHROUGH, { inactive });
}
