/** Runs the server's code actions: asks for the instruction that one needs, and shows what one explains. */
import vscode = require("vscode");

import type { ActionCommands } from "./actioncommands";
import { reasonOf } from "./commands";
import type { Reports } from "./explain";
import { askInstruction } from "./instruction";
import type { Middleware } from "./lsp";

/** The argument of the server's commands, as far as it is looked at here. */
interface ActionArgument {
  title: string;
  asks?: boolean;
  instruction?: string;
}

/** Stands between code actions and the server, when they are offered and when one is chosen. */
export function actionMiddleware(memory: vscode.Memento, reports: Reports, commands: ActionCommands): Middleware {
  return {
    provideCodeActions: async (document, range, context, token, next) => {
      const actions = await next(document, range, context, token);
      for (const action of actions ?? []) {
        // In a bare command, which the protocol also allows here, this is its name.
        if (typeof action.command === "object") action.command = commands.standIn(action.command);
      }
      return actions;
    },
    executeCommand: async (command, args, next) => {
      const given = args[0] as ActionArgument | undefined;
      const argument = given?.asks ? await withInstruction(given, memory) : given;
      if (given && !argument) return undefined;
      try {
        const result: unknown = await next(command, [argument, ...args.slice(1)]);
        if (isExplanation(result)) await reports.show(given?.title ?? "Explanation", result.markdown);
        return result;
      } catch (error) {
        if (!(error instanceof vscode.CancellationError)) {
          void vscode.window.showErrorMessage(`Turnout: ${reasonOf(error)}`);
        }
        return undefined;
      }
    },
  };
}

async function withInstruction(
  argument: ActionArgument,
  memory: vscode.Memento,
): Promise<ActionArgument | undefined> {
  const instruction = await askInstruction(memory, argument.title.replace(/\.+$/, ""));
  return instruction === undefined ? undefined : { ...argument, instruction };
}

function isExplanation(result: unknown): result is { markdown: string } {
  return typeof result === "object" && result !== null && "markdown" in result;
}
