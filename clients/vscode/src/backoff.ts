/** Restarts a server that died, later each time, and gives up when it keeps dying. */
import {
  CloseAction,
  type CloseHandlerResult,
  ErrorAction,
  type ErrorHandler,
  type ErrorHandlerResult,
} from "./lsp";

const WINDOW_MS = 180_000;
const MAX_CRASHES = 5;
const FIRST_DELAY_MS = 250;

export class Backoff implements ErrorHandler {
  private crashes: number[] = [];

  /** `onGiveUp` is called once the server has died too often to try again. */
  constructor(private readonly onGiveUp: () => void) {}

  error(): ErrorHandlerResult {
    return { action: ErrorAction.Continue };
  }

  async closed(): Promise<CloseHandlerResult> {
    const now = Date.now();
    this.crashes = [...this.crashes.filter((at) => now - at < WINDOW_MS), now];
    if (this.crashes.length > MAX_CRASHES) {
      this.onGiveUp();
      return { action: CloseAction.DoNotRestart, handled: true };
    }
    const delayMs = FIRST_DELAY_MS * 2 ** (this.crashes.length - 1);
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    return { action: CloseAction.Restart, handled: true };
  }
}
