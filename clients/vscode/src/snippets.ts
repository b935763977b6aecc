/**
 * Guesses whether the user is filling in a snippet, which the stable API does not tell.
 * A snippet is text that came in at once and within which the editor then selects something: its first placeholder.
 * Before that, VS Code 1.139 tells of the caret at the end of the text, as after a paste.
 * It is over once the caret moves, by anything but typing, to where nothing is selected.
 */

/** Half-open, in UTF-16 units from the start of the document. */
export interface Stretch {
  from: number;
  to: number;
}

export interface Change {
  offset: number;
  removed: number;
  inserted: number;
}

export class Snippets {
  private inserted: Stretch | undefined;
  private session: Stretch | undefined;
  /** Where typing left the caret, to tell its moves from the user's. */
  private typedTo: number | undefined;

  /** Whether a snippet is being filled in. */
  get active(): boolean {
    return this.session !== undefined;
  }

  /** Another document, or another window. */
  reset(): void {
    this.inserted = this.session = this.typedTo = undefined;
  }

  edited(changes: readonly Change[]): void {
    this.inserted = undefined;
    const change = changes[0];
    if (changes.length !== 1 || !change) return this.reset();
    const { offset, removed, inserted } = change;
    if (this.session) {
      const inside = offset >= this.session.from && offset + removed <= this.session.to;
      this.session = inside ? { from: this.session.from, to: this.session.to + inserted - removed } : undefined;
    }
    if (inserted > 1) this.inserted = { from: offset, to: offset + inserted };
    this.typedTo = offset + inserted;
  }

  /** `byHand` is whether the user moved it there by key or mouse, rather than the editor. */
  moved({ from, to }: Stretch, byHand: boolean): void {
    const typed = from === to && from === this.typedTo;
    this.typedTo = undefined;
    const within = (outer: Stretch | undefined) => outer && from >= outer.from && to <= outer.to;
    if (from < to) {
      if (!byHand && within(this.inserted)) this.session = this.inserted;
      else if (!within(this.session)) this.session = undefined;
    } else if (!typed) {
      this.session = undefined;
    }
    if (!typed) this.inserted = undefined;
  }
}
