/** Asks for the instruction of a refactor, with the earlier ones of this workspace within reach. */
import vscode = require("vscode");

const KEY = "turnout.instructions";
const REMEMBERED = 20;

/** The instruction, trimmed; undefined when the user cancelled or typed nothing. `aside` joins the title when known. */
export async function askInstruction(
  memory: vscode.Memento,
  title: string,
  aside?: Promise<string>,
): Promise<string | undefined> {
  const earlier = memory.get<string[]>(KEY, []);
  const instruction = (await pickOrType(earlier, title, aside))?.trim();
  if (!instruction) return undefined;
  const others = earlier.filter((other) => other !== instruction);
  await memory.update(KEY, [instruction, ...others].slice(0, REMEMBERED));
  return instruction;
}

function pickOrType(earlier: string[], title: string, aside?: Promise<string>): Promise<string | undefined> {
  const input = vscode.window.createQuickPick();
  Object.assign(input, { title, placeholder: "What should change?", ignoreFocusOut: true });
  void aside?.then((text) => (input.title = `${title}: ${text}`), () => undefined);
  const offer = (typed: string) => {
    const own = typed ? [{ label: typed, description: "Enter to start", alwaysShow: true }] : [];
    input.items = [...own, ...earlier.filter((text) => text !== typed).map((label) => ({ label }))];
  };
  offer("");
  return new Promise((resolve) => {
    input.onDidChangeValue(offer);
    input.onDidAccept(() => {
      resolve(input.selectedItems[0]?.label ?? input.value);
      input.hide();
    });
    input.onDidHide(() => {
      resolve(undefined);
      input.dispose();
    });
    input.show();
  });
}
