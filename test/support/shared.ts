// What several suites use and is too slow to start for each: made when it is first asked for, disposed of
// behind the last suite. mocha's root hooks do that, loaded by .mocharc.json: with --parallel they run behind
// every file, since files do not know which of them share a process.

interface Shared {
  dispose: (() => Promise<void>) | undefined;
}

const all = new Set<Shared>();
const DISPOSAL_MS = 60_000;

/**
 * @param make starts it
 * @param dispose ends what `make` has given
 * @returns gives the one that runs, or starts it
 */
export function shared<T>(make: () => Promise<T>, dispose: (made: T) => Promise<void>): () => Promise<T> {
  let running: Promise<T> | undefined;
  const entry: Shared = { dispose: undefined };
  all.add(entry);
  return () => {
    running ??= make();
    const made = running;
    entry.dispose ??= async () => {
      running = undefined;
      entry.dispose = undefined;
      await dispose(await made);
    };
    return running;
  };
}

export const mochaHooks = {
  async afterAll(this: Mocha.Context): Promise<void> {
    this.timeout(DISPOSAL_MS);
    for (const { dispose } of all) await dispose?.();
  },
};
