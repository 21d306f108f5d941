// One text that the primary publishes and everybody reads: a seqlock over two pages of shared memory, written
// in turn (H.-J. Boehm, "Can seqlocks get along with programming language memory models?", MSPC 2012). While
// one is written the other holds the last text, so a reader does not wait for a primary that was interrupted
// in the middle: it reads again only when two texts were published while it read one. On the hot path readers
// only compare the version.
import type { Block } from './block.js';

/**
 * The pages there are, as their fields begin in layout.ts: the registry, and the routes that are switched
 * off.
 */
export type PageName = 'snapshot' | 'switchedOff';

export class SnapshotPage {
  readonly #version: Int32Array;
  readonly #lengths: Int32Array;
  readonly #pages: readonly [Int32Array, Int32Array];

  constructor(block: Block, name: PageName = 'snapshot') {
    this.#version = block.words(`${name}Version`);
    this.#lengths = block.words(`${name}Length`);
    const both = block.words(`${name}Page`);
    const half = both.length >> 1;
    this.#pages = [both.subarray(0, half), both.subarray(half)];
  }

  /** Grows by two with every publication, when it is complete. */
  version(): number {
    return Atomics.load(this.#version, 0) & ~1;
  }

  /** Primary only. @throws RangeError when the text is longer than a page, and nothing was published then */
  publish(text: string): void {
    const bytes = new TextEncoder().encode(text);
    const version = this.version();
    const half = halfOf(version + 2);
    const page = this.#pages[half];
    const most = page.length * 4;
    if (bytes.length > most) throw new RangeError(`${bytes.length} bytes are more than the page's ${most}`);
    const words = new Int32Array(Math.ceil(bytes.length / 4));
    new Uint8Array(words.buffer).set(bytes);
    Atomics.store(this.#version, 0, version + 1);
    Atomics.store(this.#lengths, half, bytes.length);
    for (let index = 0; index < words.length; index++) Atomics.store(page, index, words[index]!);
    Atomics.store(this.#version, 0, version + 2);
  }

  /** The text as it stood at `version`. Empty before the first publication. */
  read(): { readonly version: number; readonly text: string } {
    for (;;) {
      const version = this.version();
      const half = halfOf(version);
      const page = this.#pages[half];
      const length = Math.max(0, Math.min(Atomics.load(this.#lengths, half), page.length * 4));
      const words = new Int32Array(Math.ceil(length / 4));
      for (let index = 0; index < words.length; index++) words[index] = Atomics.load(page, index);
      // The page is written again from the second publication on.
      if (((Atomics.load(this.#version, 0) - version) | 0) > 2) continue;
      return { version, text: new TextDecoder().decode(new Uint8Array(words.buffer, 0, length)) };
    }
  }
}

/** Which page has the text of an even version. */
const halfOf = (version: number): 0 | 1 => ((version >> 1) & 1) as 0 | 1;
