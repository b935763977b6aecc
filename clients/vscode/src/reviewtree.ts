/** The changes under review as a tree: the verdict with its checks, and files and hunks with boxes to tick. */
import vscode = require("vscode");

import { fileLabel, hunkLabel } from "./hunks";
import type { Preview, Review } from "./preview";
import { byUrgency, resultOf, VERDICTS } from "./proposaltext";
import type { Check, FileChange, Hunk, RefactorProposal, Verdict } from "./protocol";

const VIEW = "turnout.review";
const SHOW_CHECKS = { command: "turnout.proposal.checks", title: "Show Checks" };
/** Of what a check said; all of it is in the tooltip and in the report. */
const SHOWN_CHARACTERS = 120;
const RESULT_ICONS = { passed: "pass", failed: "error", "not checked": "question" } as const;

interface FileNode {
  file: FileChange;
  hunks: HunkNode[];
}

interface HunkNode {
  parent: FileNode;
  hunk: Hunk;
}

interface VerdictNode {
  verdict: Verdict;
  checks: CheckNode[];
}

interface CheckNode {
  parent: VerdictNode;
  check: Check;
}

type ChangeNode = FileNode | HunkNode;
type Node = ChangeNode | VerdictNode | CheckNode;

export class ReviewTree implements vscode.TreeDataProvider<Node>, vscode.Disposable {
  private review: Review | undefined;
  private files: FileNode[] = [];
  private verdict: VerdictNode | undefined;
  private readonly changed = new vscode.EventEmitter<undefined>();
  readonly onDidChangeTreeData = this.changed.event;
  private readonly view: vscode.TreeView<Node>;
  private readonly subscriptions: vscode.Disposable[];

  constructor(
    private readonly preview: Preview,
    private readonly onTicked: (review: Review) => void,
  ) {
    this.view = vscode.window.createTreeView<Node>(VIEW, { treeDataProvider: this, manageCheckboxStateManually: true });
    this.subscriptions = [this.changed, this.view, this.view.onDidChangeCheckboxState(({ items }) => this.ticked(items))];
  }

  /** Shows a review, or nothing; `message` stands above the tree. */
  show(review: Review | undefined, message?: string): void {
    const isNew = review !== this.review;
    this.review = review;
    if (isNew) {
      this.files = review?.proposal.files.map(toNode) ?? [];
      this.verdict = review && verdictNode(review.proposal);
    }
    if (message !== undefined) this.view.message = message;
    this.view.description = review ? `${review.acceptedIds.length} of ${review.hunkIds.length}` : "";
    this.changed.fire(undefined);
    const first = this.files[0];
    // Unfolds the view, which is folded where the user has never seen it; the keyboard stays in the preview.
    if (isNew && first) void this.view.reveal(first, { focus: false, select: false });
  }

  getChildren(node?: Node): Node[] {
    if (!node) return this.verdict ? [this.verdict, ...this.files] : this.files;
    if ("verdict" in node) return node.checks;
    return "file" in node ? node.hunks : [];
  }

  getParent(node: Node): Node | undefined {
    return "parent" in node ? node.parent : undefined;
  }

  getTreeItem(node: Node): vscode.TreeItem {
    if ("verdict" in node) return verdictItem(node);
    if ("check" in node) return checkItem(node);
    const item = "hunk" in node ? hunkItem(node) : fileItem(node);
    item.checkboxState = this.isKept(node)
      ? vscode.TreeItemCheckboxState.Checked
      : vscode.TreeItemCheckboxState.Unchecked;
    return item;
  }

  dispose(): void {
    vscode.Disposable.from(...this.subscriptions).dispose();
  }

  /** A file is ticked while any of its hunks is kept. */
  private isKept(node: ChangeNode): boolean {
    const rejected = this.review?.rejected ?? new Set();
    return idsOf(node).some((id) => !rejected.has(id));
  }

  private ticked(items: readonly [Node, vscode.TreeItemCheckboxState][]): void {
    if (!this.review) return;
    const rejected = new Set(this.review.rejected);
    for (const [node, state] of items) {
      if (!isChange(node)) continue; // it has no box
      for (const id of idsOf(node)) {
        if (state === vscode.TreeItemCheckboxState.Checked) rejected.delete(id);
        else rejected.add(id);
      }
    }
    this.preview.reject(this.review, rejected);
    this.onTicked(this.review);
  }
}

function toNode(file: FileChange): FileNode {
  const node: FileNode = { file, hunks: [] };
  node.hunks = file.hunks.map((hunk) => ({ parent: node, hunk }));
  return node;
}

function verdictNode({ verdict, checks }: RefactorProposal): VerdictNode {
  const node: VerdictNode = { verdict, checks: [] };
  node.checks = byUrgency(checks).map((check) => ({ parent: node, check }));
  return node;
}

function isChange(node: Node): node is ChangeNode {
  return "file" in node || "hunk" in node;
}

function idsOf(node: ChangeNode): string[] {
  return "hunk" in node ? [node.hunk.id] : node.file.hunks.map(({ id }) => id);
}

/** Open where something is to be looked at. */
function verdictItem({ verdict: { state, text } }: VerdictNode): vscode.TreeItem {
  const { Collapsed, Expanded } = vscode.TreeItemCollapsibleState;
  const { icon, words } = VERDICTS[state];
  const item = new vscode.TreeItem(capitalised(words), state === "verified" ? Collapsed : Expanded);
  item.iconPath = new vscode.ThemeIcon(icon);
  item.description = "all changes together";
  item.tooltip = text;
  item.command = SHOW_CHECKS;
  return item;
}

function checkItem({ check }: CheckNode): vscode.TreeItem {
  const result = resultOf(check);
  const item = new vscode.TreeItem(check.name);
  item.iconPath = new vscode.ThemeIcon(RESULT_ICONS[result]);
  const said = check.message.replace(/^not run: /, "").replace(/\s+/g, " ").slice(0, SHOWN_CHARACTERS);
  item.description = [result, said].filter(Boolean).join(": ");
  item.accessibilityInformation = { label: `${check.name}, ${item.description}` };
  item.tooltip = new vscode.MarkdownString().appendCodeblock(check.message || result, "text");
  item.command = SHOW_CHECKS;
  return item;
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function fileItem({ file }: FileNode): vscode.TreeItem {
  const item = new vscode.TreeItem(fileLabel(file), vscode.TreeItemCollapsibleState.Expanded);
  item.resourceUri = vscode.Uri.parse(file.newUri ?? file.uri);
  item.iconPath = vscode.ThemeIcon.File;
  item.description = folderOf(vscode.workspace.asRelativePath(item.resourceUri));
  return item;
}

/** The folder of a path in the workspace; nothing for a file at its top. */
function folderOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

function hunkItem({ hunk }: HunkNode): vscode.TreeItem {
  const { label, description } = hunkLabel(hunk);
  const item = new vscode.TreeItem(label || "(empty lines)");
  item.description = description;
  item.accessibilityInformation = { label: `${label}, ${description}` };
  item.tooltip = new vscode.MarkdownString().appendCodeblock(diffOf(hunk), "diff");
  return item;
}

function diffOf({ before, after }: Hunk): string {
  const marked = (text: string, sign: string) =>
    text ? text.replace(/\n$/, "").split("\n").map((line) => sign + line) : [];
  return [...marked(before, "-"), ...marked(after, "+")].join("\n");
}
