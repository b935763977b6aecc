/** What the menus of code actions start, which must outlive the lists that VS Code drops. */
import assert from "node:assert/strict";
import test from "node:test";

import { ActionCommands } from "../../../../clients/vscode/src/actioncommands";

/** Commands as an editor has them, and what was run through them. */
function editor() {
  const registered = new Map<string, () => unknown>();
  const ran: unknown[] = [];
  const commands = new ActionCommands(
    (name, run) => {
      assert.equal(registered.has(name), false);
      registered.set(name, run);
      return { dispose: () => registered.delete(name) };
    },
    (...call) => ran.push(call),
  );
  return { commands, registered, ran };
}

const fix = (line: number) => ({ title: "Fix", command: "turnout.fix", arguments: [{ line }, "more"] });

test("a stand-in has no arguments, and runs the command with its own", () => {
  const { commands, registered, ran } = editor();
  const standIn = commands.standIn(fix(3));
  assert.deepEqual(Object.keys(standIn).sort(), ["command", "title"]);
  registered.get(standIn.command)?.();
  assert.deepEqual(ran, [["turnout.fix", { line: 3 }, "more"]]);
});

test("the same action keeps its command, and another has another", () => {
  const { commands, registered } = editor();
  assert.equal(commands.standIn(fix(3)).command, commands.standIn(fix(3)).command);
  assert.notEqual(commands.standIn(fix(3)).command, commands.standIn(fix(4)).command);
  assert.equal(registered.size, 2);
});

test("what was offered long ago is forgotten first, and a forgotten name never comes back", () => {
  const { commands, registered } = editor();
  const kept = commands.standIn(fix(0));
  const forgotten = commands.standIn(fix(1));
  for (let line = 2; line < 500; line++) {
    commands.standIn(fix(line));
    commands.standIn(fix(0));
  }
  assert.equal(registered.has(kept.command), true);
  assert.equal(registered.has(forgotten.command), false);
  assert.equal(registered.size, 200);
  assert.notEqual(commands.standIn(fix(1)).command, forgotten.command);
});

test("nothing stays registered at the end", () => {
  const { commands, registered } = editor();
  commands.standIn(fix(1));
  commands.dispose();
  assert.equal(registered.size, 0);
});
