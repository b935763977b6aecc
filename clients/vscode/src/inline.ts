/**
 * Ghost text: asks only when it is wanted, and tells the server what became of each suggestion.
 *
 * The stable API of the editor reports a full acceptance (the item's command) and nothing else.
 * What was shown, taken by word or line, or turned down is read from the edits and caret moves that follow.
 */
import vscode = require("vscode");

import type { Middleware } from "./lsp";
import type { Pause } from "./pause";
import { DidAccept, DidReject, DidShow } from "./protocol";
import type { Server } from "./server";
import { type Change, Snippets } from "./snippets";

/** Run by the editor after a full acceptance; never registered by the server, so the names cannot clash. */
const ACCEPTED = "turnout.internal.accepted";

interface Suggestion {
  id: string;
  text: string;
  /** Where the text goes, which may be before the caret. */
  start: number;
  /** How many characters behind the caret it takes the place of. */
  replaced: number;
}

interface Offer {
  document: vscode.TextDocument;
  caret: number;
  suggestions: Suggestion[];
}

/** Suggestions that the user turned down, for as long as the document stays as it is. */
interface TurnedDown {
  document: vscode.TextDocument;
  version: number;
  ids: Set<string>;
}

export class InlineReports implements vscode.Disposable {
  private offer: Offer | undefined;
  private turnedDown: TurnedDown | undefined;
  private waiting = 0;
  private readonly snippets = new Snippets();
  private readonly didChangeBusy = new vscode.EventEmitter<boolean>();
  /** Fires when the first of several requests begins, and when the last one ends. */
  readonly onDidChangeBusy = this.didChangeBusy.event;
  private server: Server | undefined;
  private readonly subscriptions: vscode.Disposable[];

  constructor(private readonly pause: Pause) {
    this.subscriptions = [
      this.didChangeBusy,
      vscode.workspace.onDidChangeTextDocument((event) => this.edited(event)),
      vscode.window.onDidChangeTextEditorSelection((event) => this.moved(event)),
      vscode.window.onDidChangeActiveTextEditor(() => this.snippets.reset()),
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
      const asked = document.version;
      const result = await this.counted(() => next(document, position, context, token));
      const items = Array.isArray(result) ? result : (result?.items ?? []);
      const suggestions = items.flatMap((item) => takeId(item, document, position));
      const explicit = context.triggerKind === vscode.InlineCompletionTriggerKind.Invoke;
      // An answer that was under way when the user turned it down must not bring it back.
      if (!explicit && this.wasTurnedDown(document, asked, suggestions)) return null;
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
    if (this.pause.active || this.snippets.active) return false;
    const editor = vscode.window.activeTextEditor;
    return editor?.document !== document || editor.selection.isEmpty;
  }

  private async counted<T>(work: () => vscode.ProviderResult<T>): Promise<T | null | undefined> {
    if (this.waiting++ === 0) this.didChangeBusy.fire(true);
    try {
      return await work();
    } finally {
      if (--this.waiting === 0) this.didChangeBusy.fire(false);
    }
  }

  private wasTurnedDown(document: vscode.TextDocument, version: number, suggestions: Suggestion[]): boolean {
    const down = this.turnedDown;
    const first = suggestions[0];
    if (!down || !first || down.document !== document || down.version !== version) return false;
    return down.ids.has(first.id);
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
    if (document === vscode.window.activeTextEditor?.document && contentChanges.length > 0) {
      this.snippets.edited(contentChanges.map(toChange));
    }
    const offer = this.offer;
    const change = contentChanges[0];
    if (!offer || !change || offer.document !== document) return;
    const caret = change.rangeOffset + change.text.length;
    const beyond = change.rangeOffset + change.rangeLength - offer.caret;
    // A full acceptance may take the place of closers behind the caret.
    const atCaret = beyond === 0 || offer.suggestions.some(({ replaced }) => beyond === replaced);
    if (contentChanges.length !== 1 || !atCaret || caret <= offer.caret) return this.reject();
    this.advance(offer, caret);
  }

  /** Follows text that was put in at the caret: typed by hand, or taken by word or line. */
  private advance({ document, suggestions, caret: before }: Offer, caret: number): void {
    const typed = (start: number) =>
      document.getText(new vscode.Range(document.positionAt(start), document.positionAt(caret)));
    const matching = suggestions.filter(({ text, start }) => text.startsWith(typed(start)));
    const first = matching[0];
    if (!first) return this.reject();
    const reached = caret - first.start;
    if (reached === first.text.length) {
      this.offer = undefined; // a full acceptance; its command follows
      return;
    }
    this.offer = { document, caret, suggestions: matching };
    if (caret - before === 1) return; // a key: the few words of one character look the same
    const endsLine = first.text[reached] === "\n" || first.text[reached - 1] === "\n";
    this.server?.notify(DidAccept, { id: first.id, accepted: endsLine ? "line" : "word", length: caret - before });
  }

  private moved({ textEditor, selections, kind }: vscode.TextEditorSelectionChangeEvent): void {
    const caret = selections[0];
    if (caret && textEditor === vscode.window.activeTextEditor) {
      const { document } = textEditor;
      const byHand = kind === vscode.TextEditorSelectionChangeKind.Keyboard || kind === vscode.TextEditorSelectionChangeKind.Mouse;
      this.snippets.moved({ from: document.offsetAt(caret.start), to: document.offsetAt(caret.end) }, byHand);
    }
    if (!this.offer || !caret || textEditor.document !== this.offer.document) return;
    const stayed = caret.isEmpty && textEditor.document.offsetAt(caret.active) === this.offer.caret;
    if (!stayed) this.reject();
  }

  private reject(): void {
    const offer = this.offer;
    const first = offer?.suggestions[0];
    this.offer = undefined;
    if (!offer || !first) return;
    const { document } = offer;
    const ids = new Set(offer.suggestions.map(({ id }) => id));
    this.turnedDown = { document, version: document.version, ids };
    this.server?.notify(DidReject, { id: first.id });
  }
}

function toChange({ rangeOffset, rangeLength, text }: vscode.TextDocumentContentChangeEvent): Change {
  return { offset: rangeOffset, removed: rangeLength, inserted: text.length };
}

/**
 * Reads the identifier that the server put into the item's command, and points that command at this extension.
 * Gives nothing for an item without one, or for one that adds nothing to the text before the caret.
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
  const end = document.offsetAt(item.range?.end ?? position);
  const length = item.insertText.length;
  item.command = { title: "", command: ACCEPTED, arguments: [id, length] };
  return length > typed.length && item.insertText.startsWith(typed)
    ? [{ id, text: item.insertText, start: document.offsetAt(start), replaced: end - document.offsetAt(position) }]
    : [];
}
