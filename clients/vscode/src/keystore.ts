/**
 * API keys in the editor's secret storage, each bound to the one endpoint that the user entered it for.
 * Knows nothing of the server, so that what it gives out can be reasoned about.
 */
import type * as vscode from "vscode";

const SECRET = "turnout.key:";
const LIST = "turnout.keys";
const MASK = "<key>";

export class KeyStore {
  /** Keys that passed through this session, to be taken out of any text that is logged. */
  private readonly seen = new Set<string>();

  constructor(
    private readonly secrets: Pick<vscode.SecretStorage, "get" | "store" | "delete">,
    private readonly memory: Pick<vscode.Memento, "get" | "update">,
  ) {}

  /** The endpoints that have a key. */
  endpoints(): string[] {
    return this.memory.get<string[]>(LIST, []);
  }

  /** The key for an endpoint; null where the user entered none for exactly this one. */
  async get(endpoint: unknown): Promise<string | null> {
    if (typeof endpoint !== "string" || !this.endpoints().includes(endpoint)) return null;
    const key = (await this.secrets.get(SECRET + endpoint)) ?? null;
    if (key) this.seen.add(key);
    return key;
  }

  async set(endpoint: string, key: string): Promise<void> {
    this.seen.add(key);
    await this.secrets.store(SECRET + endpoint, key);
    await this.memory.update(LIST, [...new Set([...this.endpoints(), endpoint])].sort());
  }

  async remove(endpoint: string): Promise<void> {
    await this.memory.update(LIST, this.endpoints().filter((other) => other !== endpoint));
    await this.secrets.delete(SECRET + endpoint);
  }

  /** `text` without any key. */
  redact(text: string): string {
    let clean = text;
    for (const key of this.seen) clean = clean.replaceAll(key, MASK).replaceAll(JSON.stringify(key).slice(1, -1), MASK);
    return clean;
  }
}

/** A log that takes keys out of what is traced: the client library traces whole messages when it is asked to. */
export function withoutKeys(log: vscode.LogOutputChannel, store: KeyStore): vscode.LogOutputChannel {
  return new Proxy(log, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      return (...args: unknown[]) =>
        Reflect.apply(
          value,
          target,
          args.map((arg) => (typeof arg === "string" ? store.redact(arg) : arg)),
        );
    },
  });
}

/** What is wrong with a key; none is longer than a header may be, and none has white space. */
export function objection(key: string): string | undefined {
  if (!/^[\x21-\x7e]*$/.test(key)) return "A key has no white space, and no characters beyond ASCII.";
  return key.length > 4096 ? "This is longer than any key." : undefined;
}
