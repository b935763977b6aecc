/**
 * Loads a script together with what V8 made of it at an earlier start, which takes half of the time.
 * What is kept is a hint: where it is missing, damaged, or of another V8 or script, the script is compiled as ever.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { wrap } from "node:module";
import { dirname, join } from "node:path";
import { Script } from "node:vm";

const ENDING = ".v8";
const DIGEST_BYTES = 32;
/** By then the first requests are through, so that the functions that they needed are kept as well. */
const KEEP_AFTER_MS = 5_000;

type Wrapped = (exports: unknown, require: NodeJS.Require, module: object, file: string, folder: string) => void;

/** What the script at `path` exports; `require` is what it finds its own imports with, `folder` is where to keep. */
export function load<T>(path: string, folder: string, require: NodeJS.Require, later = soon): T {
  const source = readFileSync(path, "utf-8");
  const file = join(folder, nameFor(source));
  const cachedData = read(file);
  const script = new Script(wrap(source), { filename: path, ...(cachedData && { cachedData }) });
  const module = { exports: {} as T };
  (script.runInThisContext() as Wrapped)(module.exports, require, module, path, dirname(path));
  if (!cachedData || script.cachedDataRejected) {
    later(() => keep(file, script.createCachedData()));
  }
  return module.exports;
}

function soon(run: () => void): void {
  setTimeout(run, KEEP_AFTER_MS).unref();
}

/** Writes what was compiled in one step, since other windows read it, and drops what earlier versions left. */
function keep(file: string, data: Buffer): void {
  const folder = dirname(file);
  try {
    mkdirSync(folder, { recursive: true });
    for (const name of readdirSync(folder)) if (name.endsWith(ENDING)) rmSync(join(folder, name), { force: true });
    const unfinished = `${file}.${process.pid}`;
    writeFileSync(unfinished, Buffer.concat([digest(data), data]));
    renameSync(unfinished, file);
  } catch {
    // A folder that cannot be written to costs a slower start, nothing else.
  }
}

/** What was kept, if it is whole: V8 does not look, and would run whatever it says. */
function read(file: string): Buffer | undefined {
  if (!existsSync(file)) return undefined;
  const kept = readFileSync(file);
  const data = kept.subarray(DIGEST_BYTES);
  return digest(data).equals(kept.subarray(0, DIGEST_BYTES)) ? data : undefined;
}

function nameFor(source: string): string {
  return `${digest(Buffer.from(process.versions.v8 + source)).toString("hex").slice(0, 16)}${ENDING}`;
}

function digest(data: Buffer): Buffer {
  return createHash("sha256").update(data).digest();
}
