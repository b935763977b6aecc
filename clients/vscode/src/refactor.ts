/** The refactor commands: ask, plan, propose, review, apply, undo. One proposal is under review at a time. */
import vscode = require("vscode");

import { registerCommand } from "./commands";
import { askInstruction } from "./instruction";
import { decideOnPlan } from "./plan";
import { Preview, Review } from "./preview";
import { ReviewTree } from "./reviewtree";
import {
  Apply,
  type Conflict,
  describeConflict,
  Discard,
  Explain,
  Models,
  PlanFirst,
  Refactor,
  type RefactorParams,
  type RefactorProposal,
  Undo,
} from "./protocol";
import type { Server } from "./server";
import { work } from "./work";

const TITLE_CHARACTERS = 60;

export class Refactoring implements vscode.Disposable {
  private review: Review | undefined;
  private readonly preview = new Preview();
  private readonly tree = new ReviewTree(this.preview, (review) => this.setReview(review));
  private readonly reminder = vscode.window.createStatusBarItem(
    "turnout.review",
    vscode.StatusBarAlignment.Right,
    101,
  );
  private readonly subscriptions: vscode.Disposable[];

  constructor(
    private readonly server: Server,
    private readonly memory: vscode.Memento,
  ) {
    this.reminder.name = "Turnout Refactor";
    this.reminder.command = "turnout.proposal.show";
    this.subscriptions = [
      this.preview,
      this.tree,
      this.reminder,
      vscode.languages.registerCodeActionsProvider({ scheme: "file" }, offerOnSelection, {
        providedCodeActionKinds: [vscode.CodeActionKind.Refactor],
      }),
      registerCommand("turnout.refactor", () => this.propose()),
      registerCommand("turnout.undo", () => this.undo()),
      this.reviewCommand("show", (review) => this.present(review)),
      this.reviewCommand("choose", (review) => this.choose(review)),
      this.reviewCommand("apply", (review) => this.apply(review)),
      this.reviewCommand("discard", (review) => this.discard(review)),
    ];
  }

  dispose(): void {
    vscode.Disposable.from(...this.subscriptions).dispose();
  }

  private reviewCommand(name: string, run: (review: Review) => Promise<void>): vscode.Disposable {
    return registerCommand(`turnout.proposal.${name}`, async () => {
      if (this.review) await run(this.review);
    });
  }

  private async propose(): Promise<void> {
    const editor = vscode.window.activeTextEditor;
    const instruction = await askInstruction(this.memory, "Refactor", this.destination(editor?.document));
    if (!instruction) return;
    const params = paramsFor(instruction, editor);
    const approved = this.server.advertised?.turnout?.plan
      ? await decideOnPlan(params, (query) => work(this.server, "Turnout: planning", PlanFirst, query))
      : {};
    if (!approved) return;
    const proposal = await work(this.server, "Turnout: refactoring", Refactor, { ...params, ...approved });
    if (!proposal) return;
    if (proposal.files.length === 0) {
      void vscode.window.showInformationMessage(`Turnout: ${proposal.plan || "The model proposed no change."}`);
      return;
    }
    if (this.review) await this.discard(this.review);
    const review = await Review.open(titleFor(instruction), proposal);
    this.setReview(review, notesOf(proposal));
    if (this.review) await this.present(this.review);
  }

  /** Where a refactor would go now, in words. */
  private async destination(document: vscode.TextDocument | undefined): Promise<string> {
    const here = document?.uri.scheme === "file" ? { textDocument: { uri: document.uri.toString() } } : {};
    const [route, { models }] = await Promise.all([
      this.server.request(Explain, { kind: "refactor", ...here }),
      this.server.request(Models, here),
    ]);
    const model = models.find(({ name }) => name === route.chosen);
    if (!model) return "no model may take this request";
    if (!model.leavesMachine) return `goes to ${model.name}, text stays on this machine`;
    const asks = route.askBeforeLeaving ? "; you are asked, with an estimate, before text leaves" : "";
    return `goes to ${model.name}, text leaves this machine${asks}`;
  }

  private async present(review: Review): Promise<void> {
    await this.preview.show(review);
    const chosen = await vscode.window.showInformationMessage(
      summarise(review.proposal),
      "Apply",
      "Choose Changes...",
      "Discard",
    );
    if (chosen === "Apply") await this.apply(review);
    else if (chosen === "Discard") await this.discard(review);
    else if (chosen) await this.choose(review);
  }

  private async choose(review: Review): Promise<void> {
    await this.preview.show(review);
    if (await this.preview.choose(review)) this.setReview(review);
  }

  private async apply(review: Review): Promise<void> {
    if (this.review !== review) return;
    const { proposalId } = review.proposal;
    const { acceptedIds: hunks, hunkIds } = review;
    const result = await this.server.request(Apply, { proposalId, hunks });
    if (!result.applied) return showConflicts("Nothing was applied.", result.conflicts);
    await this.end(review);
    void this.offerUndo(`Turnout applied ${hunks.length} of ${hunkIds.length} changes.`);
  }

  private async offerUndo(message: string): Promise<void> {
    const chosen = await vscode.window.showInformationMessage(message, "Undo");
    if (chosen) await vscode.commands.executeCommand("turnout.undo");
  }

  private async undo(): Promise<void> {
    const result = await this.server.request(Undo, {});
    if (result.undone) void vscode.window.showInformationMessage("Turnout undid the last refactor.");
    else await showConflicts("Nothing was undone.", result.conflicts);
  }

  private async discard(review: Review): Promise<void> {
    if (this.review !== review) return;
    await this.end(review);
    await this.server.request(Discard, { proposalId: review.proposal.proposalId });
  }

  /** Closes a review, and the message that offered to apply it. */
  private async end(review: Review): Promise<void> {
    this.setReview(undefined);
    await vscode.commands.executeCommand("notifications.hideToasts");
    await this.preview.close(review);
  }

  /** `notes` are what the server said of the proposal. */
  private setReview(review: Review | undefined, notes?: string): void {
    this.review = review;
    void vscode.commands.executeCommand("setContext", "turnout.reviewing", review !== undefined);
    this.tree.show(review, notes);
    if (!review) return this.reminder.hide();
    this.reminder.text = `$(diff-multiple) ${review.acceptedIds.length} of ${review.hunkIds.length} changes`;
    this.reminder.tooltip = `Review the refactor: ${review.title}`;
    this.reminder.show();
  }
}

/** Puts the command into the menu of code actions, where something is selected. */
const offerOnSelection: vscode.CodeActionProvider = {
  provideCodeActions: (_document, selection) => {
    if (selection.isEmpty) return [];
    const action = new vscode.CodeAction("Refactor with Turnout...", vscode.CodeActionKind.Refactor);
    action.command = { command: "turnout.refactor", title: action.title };
    return [action];
  },
};

function paramsFor(instruction: string, editor: vscode.TextEditor | undefined): RefactorParams {
  if (!editor || editor.document.uri.scheme !== "file") return { instruction };
  const { document, selection } = editor;
  const params: RefactorParams = { instruction, textDocument: { uri: document.uri.toString() } };
  if (!selection.isEmpty) params.range = { start: selection.start, end: selection.end };
  return params;
}

function titleFor(instruction: string): string {
  const line = instruction.replace(/\s+/g, " ");
  const short = line.length > TITLE_CHARACTERS ? `${line.slice(0, TITLE_CHARACTERS - 1)}…` : line;
  return `Turnout: ${short}`;
}

/** The plan, the checks and what was left out, for above the list of changes. */
function notesOf({ plan, checks, skipped = [] }: RefactorProposal): string {
  const failed = checks.filter(({ ok }) => !ok).map(({ name, message }) => `Failed: ${name}, ${message}`);
  const passed = checks.length - failed.length;
  const verdicts = [...failed, ...(passed ? [`${count(passed, "check")} passed`] : [])];
  const out = skipped.map(({ path, reason }) => `Left out: ${path} (${reason})`);
  return [plan, ...verdicts, ...out].filter(Boolean).join(" · ");
}

/** Says what is proposed, by which model at what cost, which checks failed, and what was left out. */
function summarise({ files, checks, skipped = [], receipt }: RefactorProposal): string {
  const changes = files.reduce((sum, { hunks }) => sum + hunks.length, 0);
  const parts = [`${count(changes, "change")} in ${count(files.length, "file")}`];
  if (receipt) {
    const cost = receipt.costUsd ? `, $${receipt.costUsd.toFixed(receipt.costUsd < 0.01 ? 4 : 2)}` : "";
    parts.push(`by ${receipt.model}${receipt.leavesMachine ? "" : " on this machine"}${cost}`);
  }
  const failed = checks.filter(({ ok }) => !ok);
  const verdict = failed.length
    ? ` Failed checks: ${failed.map(({ name, message }) => `${name}: ${message}`).join("; ")}.`
    : "";
  const out = skipped.map(({ path, reason }) => `${path} (${reason})`).join(", ");
  return `Turnout proposes ${parts.join(" ")}.${verdict}${out ? ` Left out: ${out}.` : ""}`;
}

function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? "" : "s"}`;
}

/**
 * Says what stands in the way, and offers to go to the first place of it.
 * In a dialog: VS Code drops messages where several come at once, and this one must not be missed.
 */
async function showConflicts(lead: string, conflicts: readonly Conflict[]): Promise<void> {
  const detail = conflicts.map(describeConflict).join("\n") || "The server gave no reason.";
  const place = conflicts.find(({ uri }) => uri);
  const actions = place ? ["Show"] : [];
  const chosen = await vscode.window.showWarningMessage(`Turnout: ${lead}`, { modal: true, detail }, ...actions);
  if (!chosen || !place) return;
  const at = new vscode.Position(place.line ?? 0, 0);
  await vscode.window.showTextDocument(vscode.Uri.parse(place.uri), { selection: new vscode.Range(at, at) });
}
