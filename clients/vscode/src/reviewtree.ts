/** The changes under review as a tree with boxes to tick: files, and under each its hunks. */
import vscode = require("vscode");

import { fileLabel, hunkLabel } from "./hunks";
import type { Preview, Review } from "./preview";
import type { FileChange, Hunk } from "./protocol";

const VIEW = "turnout.review";

interface FileNode {
  file: FileChange;
  hunks: HunkNode[];
}

interface HunkNode {
  parent: FileNode;
  hunk: Hunk;
}

type Node = FileNode | HunkNode;

export class ReviewTree implements vscode.TreeDataProvider<Node>, vscode.Disposable {
  private review: Review | undefined;
  private files: FileNode[] = [];
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
    if (isNew) this.files = review?.proposal.files.map(toNode) ?? [];
    if (message !== undefined) this.view.message = message;
    this.view.description = review ? `${review.acceptedIds.length} of ${review.hunkIds.length}` : "";
    this.changed.fire(undefined);
    const first = this.files[0];
    // Unfolds the view, which is folded where the user has never seen it; the keyboard stays in the preview.
    if (isNew && first) void this.view.reveal(first, { focus: false, select: false });
  }

  getChildren(node?: Node): Node[] {
    if (!node) return this.files;
    return isHunk(node) ? [] : node.hunks;
  }

  getParent(node: Node): FileNode | undefined {
    return isHunk(node) ? node.parent : undefined;
  }

  getTreeItem(node: Node): vscode.TreeItem {
    const item = isHunk(node) ? hunkItem(node) : fileItem(node);
    item.checkboxState = this.isKept(node)
      ? vscode.TreeItemCheckboxState.Checked
      : vscode.TreeItemCheckboxState.Unchecked;
    return item;
  }

  dispose(): void {
    vscode.Disposable.from(...this.subscriptions).dispose();
  }

  /** A file is ticked while any of its hunks is kept. */
  private isKept(node: Node): boolean {
    const rejected = this.review?.rejected ?? new Set();
    return idsOf(node).some((id) => !rejected.has(id));
  }

  private ticked(items: readonly [Node, vscode.TreeItemCheckboxState][]): void {
    if (!this.review) return;
    const rejected = new Set(this.review.rejected);
    for (const [node, state] of items) {
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

function isHunk(node: Node): node is HunkNode {
  return "hunk" in node;
}

function idsOf(node: Node): string[] {
  return isHunk(node) ? [node.hunk.id] : node.file.hunks.map(({ id }) => id);
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
