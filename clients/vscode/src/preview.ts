/**
 * Shows a proposed refactor in the multi-diff editor, with the user's choice of hunks applied.
 * Both sides are frozen at the time of the proposal: what is shown is what was proposed.
 */
import vscode = require("vscode");

import { applyHunks, fileLabel, hunkLabel } from "./hunks";
import type { FileChange, RefactorProposal } from "./protocol";

const SCHEME = "turnout-refactor";

interface HunkPick extends vscode.QuickPickItem {
  hunkId?: string;
}

/** A proposal under review. */
export class Review {
  readonly rejected = new Set<string>();

  constructor(
    readonly title: string,
    readonly proposal: RefactorProposal,
    private readonly originals: readonly string[],
  ) {}

  /** Reads the files that the proposal changes as they are now. */
  static async open(title: string, proposal: RefactorProposal): Promise<Review> {
    const texts = proposal.files.map(async ({ kind, uri }) => {
      if (kind === "create") return "";
      return (await vscode.workspace.openTextDocument(vscode.Uri.parse(uri))).getText();
    });
    return new Review(title, proposal, await Promise.all(texts));
  }

  get hunkIds(): string[] {
    return this.proposal.files.flatMap(({ hunks }) => hunks.map(({ id }) => id));
  }

  get acceptedIds(): string[] {
    return this.hunkIds.filter((id) => !this.rejected.has(id));
  }

  text(index: number, side: string): string {
    const original = this.originals[index] ?? "";
    const file = this.proposal.files[index];
    if (!file || side === "before") return original;
    return applyHunks(original, file.hunks.filter(({ id }) => !this.rejected.has(id)));
  }
}

export class Preview implements vscode.TextDocumentContentProvider, vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<vscode.Uri>();
  readonly onDidChange = this.changed.event;
  /** Last, because registering reads `onDidChange`. */
  private readonly registration = vscode.workspace.registerTextDocumentContentProvider(SCHEME, this);
  private readonly reviews = new Map<string, Review>();

  provideTextDocumentContent(uri: vscode.Uri): string {
    const { proposalId, index, side } = JSON.parse(uri.query) as {
      proposalId: string;
      index: number;
      side: string;
    };
    return this.reviews.get(proposalId)?.text(index, side) ?? "";
  }

  /** Opens, or brings back, the multi-diff editor of a review. */
  async show(review: Review): Promise<void> {
    this.reviews.set(review.proposal.proposalId, review);
    const resources = review.proposal.files.map((file, index) => [
      vscode.Uri.parse(file.newUri ?? file.uri),
      file.kind === "create" ? undefined : sideUri(review, file, index, "before"),
      file.kind === "delete" ? undefined : sideUri(review, file, index, "after"),
    ]);
    await vscode.commands.executeCommand("vscode.changes", review.title, resources);
  }

  /** Lets the user tick the hunks to keep; false when they cancelled. All hunks start ticked. */
  async choose(review: Review): Promise<boolean> {
    const picks = review.proposal.files.flatMap((file): HunkPick[] => [
      { label: fileLabel(file), kind: vscode.QuickPickItemKind.Separator },
      ...file.hunks.map((hunk) => ({
        ...hunkLabel(hunk),
        hunkId: hunk.id,
        picked: !review.rejected.has(hunk.id),
      })),
    ]);
    const kept = await vscode.window.showQuickPick(picks, {
      canPickMany: true,
      ignoreFocusOut: true,
      title: review.title,
      placeHolder: "Untick the changes that you do not want",
    });
    if (!kept) return false;
    const ids = new Set(kept.map(({ hunkId }) => hunkId));
    this.reject(review, new Set(review.hunkIds.filter((id) => !ids.has(id))));
    return true;
  }

  /** Leaves these hunks out, and all others in. */
  reject(review: Review, rejected: ReadonlySet<string>): void {
    review.rejected.clear();
    for (const id of rejected) review.rejected.add(id);
    review.proposal.files.forEach((file, index) => this.changed.fire(sideUri(review, file, index, "after")));
  }

  /** Closes the editor of a review and forgets it. */
  async close(review: Review): Promise<void> {
    const tabs = vscode.window.tabGroups.all.flatMap((group) => group.tabs);
    await vscode.window.tabGroups.close(tabs.filter(({ label }) => label.startsWith(review.title)));
    this.reviews.delete(review.proposal.proposalId);
  }

  dispose(): void {
    vscode.Disposable.from(this.changed, this.registration).dispose();
  }
}

function sideUri(review: Review, file: FileChange, index: number, side: "before" | "after"): vscode.Uri {
  const { path } = vscode.Uri.parse(side === "after" ? (file.newUri ?? file.uri) : file.uri);
  const query = JSON.stringify({ proposalId: review.proposal.proposalId, index, side });
  return vscode.Uri.from({ scheme: SCHEME, path, query });
}
