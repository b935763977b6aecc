/**
 * Commands without arguments for code actions, one for each thing that an action does.
 * VS Code keeps the arguments of an action's command only as long as it keeps the list of actions, and drops that for
 * the list of the next place or problem, even between the choice of an action and its start: nothing would happen then
 * but an error. What an action does is therefore kept here, for as long as it may still be chosen.
 */
import type * as vscode from "vscode";

type Register = (name: string, run: () => unknown) => vscode.Disposable;
type Run = (command: string, ...args: unknown[]) => unknown;

/** More than stand in the menus that can be open at the same time, by far. */
const KEPT = 200;

interface Known {
  name: string;
  registration: vscode.Disposable;
}

export class ActionCommands implements vscode.Disposable {
  /** By what they do; those that were offered longest ago come first. */
  private readonly known = new Map<string, Known>();
  private last = 0;

  constructor(
    private readonly register: Register,
    private readonly run: Run,
  ) {}

  /** A command that does what `command` does; the same one each time while it is remembered. */
  standIn(command: vscode.Command): vscode.Command {
    const key = JSON.stringify([command.command, command.arguments]);
    const found = this.known.get(key) ?? this.add(command);
    this.known.delete(key);
    this.known.set(key, found);
    this.forgetOldest();
    return { title: command.title, command: found.name };
  }

  dispose(): void {
    for (const { registration } of this.known.values()) registration.dispose();
    this.known.clear();
  }

  private add({ command, arguments: args = [] }: vscode.Command): Known {
    // The underscore keeps it out of the lists of commands.
    const name = `_turnout.action.${++this.last}`;
    return { name, registration: this.register(name, () => this.run(command, ...(args as unknown[]))) };
  }

  private forgetOldest(): void {
    for (const [key, { registration }] of this.known) {
      if (this.known.size <= KEPT) return;
      registration.dispose();
      this.known.delete(key);
    }
  }
}
