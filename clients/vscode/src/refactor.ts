/** The refactor commands: ask, plan, propose, review, apply, undo. One proposal is under review at a time. */
import vscode = require("vscode");

import { registerCommand } from "./commands";
import { referencesOf } from "./elsewhere";
import type { Reports } from "./explain";
import { askInstruction } from "./instruction";
import { decideOnPlan } from "./plan";
import { Preview, Review } from "./preview";
import { checksReport, choiceOf, describeConflict, notesOf, summarise } from "./proposaltext";
import { ReviewTree } from "./reviewtree";
import {
  Apply,
  type Conflict,
  Discard,
  Explain,
  LookAgain,
  Models,
  PlanFirst,
  Refactor,
  type RefactorParams,
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
    private readonly reports: Reports,
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
      // The same by another name: in the context menu the editor has a "Refactor..." of its own.
      registerCommand("turnout.refactorHere", () => this.propose()),
      registerCommand("turnout.undo", () => this.undo()),
      registerCommand("turnout.proposal.show", () => this.showAgain()),
      this.reviewCommand("choose", (review) => this.choose(review)),
      this.reviewCommand("checks", ({ proposal }) => this.reports.show("Checks of the refactor", checksReport(proposal))),
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
    const elsewhere = referencesOf(editor); // found while the user is typing
    const instruction = await askInstruction(this.memory, "Refactor", this.destination(editor?.document));
    if (!instruction) return;
    const params = { ...paramsFor(instruction, editor), ...(await elsewhere) };
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
    const { state } = review.proposal.verdict;
    const say = state === "failed" ? vscode.window.showWarningMessage : vscode.window.showInformationMessage;
    const doubts = state === "verified" ? [] : ["Show Checks"];
    const chosen = await say(summarise(review.proposal), "Apply", "Choose Changes...", ...doubts, "Discard");
    if (chosen === "Apply") await this.apply(review);
    else if (chosen === "Discard") await this.discard(review);
    else if (chosen === "Show Checks") await vscode.commands.executeCommand("turnout.proposal.checks");
    else if (chosen) await this.choose(review);
  }

  /** Shows the refactor under review; else the last one that can be applied, also one from before a restart. */
  private async showAgain(): Promise<void> {
    const review = this.review ?? (await this.takeUp({}));
    if (review instanceof Review) await this.present(review);
    else if (review === "none") void vscode.window.showInformationMessage("Turnout has no refactor that could be applied.");
  }

  /** Puts what can be applied of a proposal under review; that nothing of it fits is said here. */
  private async takeUp(query: { proposalId?: string }): Promise<Review | "none" | "none fits"> {
    const standing = await this.server.request(LookAgain, query);
    if (!standing) return "none";
    if (standing.files.length === 0) {
      await showConflicts("Nothing of it fits the files as they are.", standing.conflicts);
      return "none fits";
    }
    const review = await Review.open(titleFor(standing.label), standing);
    this.setReview(review, notesOf(standing, standing.conflicts));
    return review;
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
    const done = `Turnout applied ${hunks.length} of ${hunkIds.length} changes.`;
    try {
      if (result.left?.length) await this.keepRest(proposalId);
    } finally {
      // Said also where the others cannot be looked at: what was applied can be undone.
      void this.offerUndo(this.review ? `${done} The others can still be applied.` : done);
    }
  }

  /** What the user left out stays under review as it is, unticked. */
  private async keepRest(proposalId: string): Promise<void> {
    const review = await this.takeUp({ proposalId });
    if (!(review instanceof Review)) return;
    this.preview.reject(review, new Set(review.hunkIds));
    this.setReview(review);
  }

  private async offerUndo(message: string): Promise<void> {
    const chosen = await vscode.window.showInformationMessage(message, "Undo");
    if (chosen) await vscode.commands.executeCommand("turnout.undo");
  }

  private async undo(): Promise<void> {
    const result = await this.server.request(Undo, {});
    if (!result.undone) return showConflicts("Nothing was undone.", result.conflicts);
    void vscode.window.showInformationMessage("Turnout undid the last refactor.");
    const { review } = this;
    if (!review || review.proposal.proposalId !== result.proposalId) return;
    // What was undone can be applied again, and the places of the rest have moved.
    await this.preview.close(review);
    this.setReview(undefined);
    await this.takeUp({ proposalId: result.proposalId });
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
    const { verdict } = review.proposal;
    const { icon, words } = choiceOf(verdict, review.acceptedIds.length, review.hunkIds.length);
    this.reminder.text = `$(${icon}) ${words}`;
    this.reminder.tooltip = `Review the refactor: ${review.title}\n${verdict.text}`;
    this.reminder.accessibilityInformation = { label: `Turnout refactor, ${words}`, role: "button" };
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
