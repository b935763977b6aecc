/** How long to wait before a server that died is started again: longer each time, and not at all when it keeps dying. */

const WINDOW_MS = 180_000;
const MOST = 5;
const FIRST_DELAY_MS = 250;

export class Crashes {
  private times: number[] = [];

  /** The wait in milliseconds after a crash at `now`, also in milliseconds; undefined where it is time to give up. */
  delayMs(now: number): number | undefined {
    this.times = [...this.times.filter((at) => now - at < WINDOW_MS), now];
    return this.times.length > MOST ? undefined : FIRST_DELAY_MS * 2 ** (this.times.length - 1);
  }
}
