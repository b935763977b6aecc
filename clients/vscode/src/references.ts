/** What other language servers know of the symbol at the caret: asked for a moment only, and no more than is of use. */

export const MOST_REFERENCES = 500;
export const PATIENCE_MS = 1000;

/** The first of what `asked` finds; nothing where it fails, or takes longer than `patienceMs`. */
export async function promptly<T>(asked: PromiseLike<readonly T[] | undefined>, patienceMs = PATIENCE_MS): Promise<T[]> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), patienceMs);
  });
  try {
    return ((await Promise.race([asked, late])) ?? []).slice(0, MOST_REFERENCES);
  } catch {
    return [];
  } finally {
    clearTimeout(timer);
  }
}
