/** How the server gets into an environment of its own: which commands, in which order. Runs nothing. */
import { join } from "node:path";

/** The oldest Python that the server runs on. */
export const OLDEST_PYTHON = [3, 11] as const;

/** The oldest server that this extension works with. */
export const OLDEST_SERVER = "0.1.0";

export interface Tools {
  /** The path of `uv`, where there is one. */
  uv?: string | undefined;
  /** A Python that is new enough. */
  python?: string | undefined;
}

export interface Step {
  title: string;
  command: string;
  args: string[];
}

/** The commands that make the environment in `folder` and put `packages` into it; none where a tool is missing. */
export function installSteps(tools: Tools, folder: string, packages: string, windows: boolean): Step[] {
  const python = binary(folder, "python", windows);
  if (tools.uv) {
    const oldest = `>=${OLDEST_PYTHON.join(".")}`;
    return [
      { title: "making an environment", command: tools.uv, args: ["venv", "--clear", "--python", tools.python ?? oldest, folder] },
      { title: "installing", command: tools.uv, args: ["pip", "install", "--python", python, packages] },
    ];
  }
  if (!tools.python) return [];
  const pip = ["-m", "pip", "install", "--disable-pip-version-check", "--progress-bar", "off", packages];
  return [
    { title: "making an environment", command: tools.python, args: ["-m", "venv", "--clear", folder] },
    { title: "installing", command: python, args: pip },
  ];
}

/** A program of the environment. */
export function binary(folder: string, name: string, windows: boolean): string {
  return windows ? join(folder, "Scripts", `${name}.exe`) : join(folder, "bin", name);
}

/** What to install: as the user set it, else the server that came with this extension, with its local engine. */
export function packageSpec(configured: string, bundledWheel: string | undefined): string | undefined {
  if (configured.trim()) return configured.trim();
  return bundledWheel && `${bundledWheel}[local]`;
}

/** Whether a version such as `0.10.1` is at least `oldest`; one that cannot be read is taken to be. */
export function isAtLeast(version: string, oldest: string): boolean {
  const numbers = (text: string) => text.split(/[.+-]/).slice(0, 3).map(Number);
  const [have, need] = [numbers(version), numbers(oldest)];
  for (const [index, wanted] of need.entries()) {
    const part = have[index] ?? 0;
    if (Number.isNaN(part) || part > wanted) return true;
    if (part < wanted) return false;
  }
  return true;
}
