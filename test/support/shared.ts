// Fixtures that several suites use and that are too slow to start for each: made at the first use, disposed
// of after the last suite. The root hooks of mocha do that, loaded by .mocharc.json: with --parallel they run
// after every file, since files do not know which of them share a process.

interface Shared {
  dispose: (() => Promise<void>) | undefined;
}

const all = new Set<Shared>();
const DISPOSAL_MS = 60_000;

/**
 * @param make starts the fixture
 * @param dispose ends the fixture that `make` has returned
 * @returns a function that returns the running fixture, or starts it
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
