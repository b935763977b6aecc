/** Restarts a server that died, later each time, and gives up when it keeps dying. */
import { Crashes } from "./crashes";
import {
  CloseAction,
  type CloseHandlerResult,
  ErrorAction,
  type ErrorHandler,
  type ErrorHandlerResult,
} from "./lsp";

export class Backoff implements ErrorHandler {
  private readonly crashes = new Crashes();

  /** `onGiveUp` is called once the server has died too often to try again. */
  constructor(private readonly onGiveUp: () => void) {}

  error(): ErrorHandlerResult {
    return { action: ErrorAction.Continue };
  }

  async closed(): Promise<CloseHandlerResult> {
    const delayMs = this.crashes.delayMs(Date.now());
    if (delayMs === undefined) {
      this.onGiveUp();
      return { action: CloseAction.DoNotRestart, handled: true };
    }
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    return { action: CloseAction.Restart, handled: true };
  }
}
