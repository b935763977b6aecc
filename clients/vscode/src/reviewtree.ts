/** The changes under review as a tree with boxes to tick: files, and under each its hunks. */
import * as vscode from "vscode";

import { fileLabel, hunkLabel } from "./hunks";
import type { Preview, Review } from "./preview";
import type { FileChange, Hunk } from "./protocol";

const VIEW = "turnout.review";

interface FileNode {
  file: FileChange;
}

interface HunkNode extends FileNode {
  hunk: Hunk;
}

type Node = FileNode | HunkNode;

export class ReviewTree implements vscode.TreeDataProvider<Node>, vscode.Disposable {
  private review: Review | undefined;
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
    this.review = review;
    if (message !== undefined) this.view.message = message;
    this.view.description = review ? `${review.acceptedIds.length} of ${review.hunkIds.length}` : "";
    this.changed.fire(undefined);
  }

  getChildren(node?: Node): Node[] {
    if (!this.review) return [];
    if (!node) return this.review.proposal.files.map((file) => ({ file }));
    return isHunk(node) ? [] : node.file.hunks.map((hunk) => ({ file: node.file, hunk }));
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
  item.description = vscode.workspace.asRelativePath(vscode.Uri.joinPath(item.resourceUri, ".."));
  return item;
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
