/**
 * Ghost text: asks only when it is wanted, and tells the server what became of each suggestion.
 *
 * The stable API of the editor reports a full acceptance (the item's command) and nothing else.
 * What was shown, taken by word or line, or turned down is read from the edits and caret moves that follow.
 */
import * as vscode from "vscode";
import type { Middleware } from "vscode-languageclient/node";

import type { Pause } from "./pause";
import { DidAccept, DidReject, DidShow } from "./protocol";
import type { Server } from "./server";
import { languageEnabled } from "./settings";

/** Run by the editor after a full acceptance; never registered by the server, so the names cannot clash. */
const ACCEPTED = "turnout.internal.accepted";

interface Suggestion {
  id: string;
  /** What is still to be typed, from the caret on. */
  rest: string;
}

interface Offer {
  document: vscode.TextDocument;
  caret: number;
  suggestions: Suggestion[];
}

export class InlineReports implements vscode.Disposable {
  private offer: Offer | undefined;
  private server: Server | undefined;
  private readonly subscriptions: vscode.Disposable[];

  constructor(private readonly pause: Pause) {
    this.subscriptions = [
      vscode.workspace.onDidChangeTextDocument((event) => this.edited(event)),
      vscode.window.onDidChangeTextEditorSelection((event) => this.moved(event)),
      vscode.commands.registerCommand(ACCEPTED, (id: string, length: number) => this.accepted(id, length)),
      vscode.commands.registerCommand("turnout.dismiss", () => this.dismiss()),
    ];
  }

  /** The server that reports go to; set once both exist, since each needs the other. */
  attach(server: Server): void {
    this.server = server;
  }

  readonly middleware: Middleware = {
    provideInlineCompletionItems: async (document, position, context, token, next) => {
      if (!this.wanted(document, context)) return null;
      const result = await next(document, position, context, token);
      const items = Array.isArray(result) ? result : (result?.items ?? []);
      const suggestions = items.flatMap((item) => takeId(item, document, position));
      if (!token.isCancellationRequested) this.show(document, position, suggestions);
      return result;
    },
    provideCompletionItem: (document, position, context, token, next) =>
      this.pause.active && context.triggerKind !== vscode.CompletionTriggerKind.Invoke
        ? null
        : next(document, position, context, token),
  };

  dispose(): void {
    vscode.Disposable.from(...this.subscriptions).dispose();
  }

  private wanted(document: vscode.TextDocument, context: vscode.InlineCompletionContext): boolean {
    if (context.triggerKind === vscode.InlineCompletionTriggerKind.Invoke) return true;
    if (this.pause.active || !languageEnabled(document.languageId)) return false;
    const editor = vscode.window.activeTextEditor;
    return editor?.document !== document || editor.selection.isEmpty;
  }

  private show(document: vscode.TextDocument, position: vscode.Position, suggestions: Suggestion[]): void {
    const first = suggestions[0];
    const editor = vscode.window.activeTextEditor;
    if (!first || editor?.document !== document || !editor.selection.active.isEqual(position)) return;
    const alreadyShown = this.offer?.suggestions.some(({ id }) => id === first.id) ?? false;
    this.offer = { document, caret: document.offsetAt(position), suggestions };
    if (!alreadyShown) this.server?.notify(DidShow, { id: first.id });
  }

  private accepted(id: string, length: number): void {
    this.offer = undefined;
    this.server?.notify(DidAccept, { id, accepted: "full", length });
  }

  private async dismiss(): Promise<void> {
    this.reject();
    await vscode.commands.executeCommand("editor.action.inlineSuggest.hide");
  }

  private edited({ document, contentChanges }: vscode.TextDocumentChangeEvent): void {
    const offer = this.offer;
    const change = contentChanges[0];
    if (!offer || !change || offer.document !== document) return;
    if (contentChanges.length !== 1 || change.rangeOffset !== offer.caret || change.rangeLength !== 0) {
      return this.reject();
    }
    this.typed(offer, change.text);
  }

  /** Follows text that was inserted at the caret: typed by hand, or taken by word or line. */
  private typed(offer: Offer, text: string): void {
    const matching = offer.suggestions.filter(({ rest }) => rest.startsWith(text));
    const first = matching[0];
    if (!first) return this.reject();
    if (first.rest.length === text.length) {
      this.offer = undefined; // a full acceptance; its command follows
      return;
    }
    if (text.length > 1) {
      const accepted = first.rest[text.length] === "\n" || text.includes("\n") ? "line" : "word";
      this.server?.notify(DidAccept, { id: first.id, accepted, length: text.length });
    }
    this.offer = {
      document: offer.document,
      caret: offer.caret + text.length,
      suggestions: matching.map(({ id, rest }) => ({ id, rest: rest.slice(text.length) })),
    };
  }

  private moved({ textEditor, selections }: vscode.TextEditorSelectionChangeEvent): void {
    const caret = selections[0];
    if (!this.offer || !caret || textEditor.document !== this.offer.document) return;
    const stayed = caret.isEmpty && textEditor.document.offsetAt(caret.active) === this.offer.caret;
    if (!stayed) this.reject();
  }

  private reject(): void {
    const first = this.offer?.suggestions[0];
    this.offer = undefined;
    if (first) this.server?.notify(DidReject, { id: first.id });
  }
}

/**
 * Reads the identifier that the server put into the item's command, and points that command at this extension.
 * Gives nothing for an item without one, or for one that does not go on from the text before the caret.
 */
function takeId(
  item: vscode.InlineCompletionItem,
  document: vscode.TextDocument,
  position: vscode.Position,
): Suggestion[] {
  const id: unknown = item.command?.arguments?.[0];
  if (typeof id !== "string" || typeof item.insertText !== "string") return [];
  const start = item.range?.start ?? position;
  const typed = document.getText(new vscode.Range(start, position));
  const length = item.insertText.length;
  item.command = { title: "", command: ACCEPTED, arguments: [id, length] };
  return item.insertText.startsWith(typed) ? [{ id, rest: item.insertText.slice(typed.length) }] : [];
}
