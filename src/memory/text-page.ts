// A text that the primary publishes and all threads read: the list of routes that are switched off, or the
// share of this process in limits over several processes. It is a seqlock over two pages of shared memory
// that are written in turn (H.-J. Boehm, "Can seqlocks get along with programming language memory models?",
// MSPC 2012). While one page is written the other holds the last text,
// so a reader never waits for a primary that was interrupted in the middle of writing. A reader starts again
// only when two texts were published while it read one. Usually a reader only compares the version.
import type { Block } from './block.js';
import type { FieldName } from './layout.js';

/** The fields of each text. */
const KINDS = {
  switchedOff: ['switchedOffVersion', 'switchedOffLength', 'switchedOffPage'],
  share: ['shareVersion', 'shareLength', 'sharePage'],
} as const satisfies Record<string, readonly [FieldName, FieldName, FieldName]>;

export class TextPage {
  readonly #version: Int32Array;
  readonly #lengths: Int32Array;
  readonly #pages: readonly [Int32Array, Int32Array];

  constructor(block: Block, kind: keyof typeof KINDS = 'switchedOff') {
    const [version, lengths, pages] = KINDS[kind];
    this.#version = block.words(version);
    this.#lengths = block.words(lengths);
    const both = block.words(pages);
    const half = both.length >> 1;
    this.#pages = [both.subarray(0, half), both.subarray(half)];
  }

  /** The version of the last complete text. It grows by two with every publication. */
  version(): number {
    return Atomics.load(this.#version, 0) & ~1;
  }

  /**
   * Publishes a text; only the primary may do so. @throws RangeError when the text is longer than a page;
   * then nothing is published
   */
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

  /** The text of the last complete version; empty before the first publication. */
  read(): { readonly version: number; readonly text: string } {
    for (;;) {
      const version = this.version();
      const half = halfOf(version);
      const page = this.#pages[half];
      const length = Math.max(0, Math.min(Atomics.load(this.#lengths, half), page.length * 4));
      const words = new Int32Array(Math.ceil(length / 4));
      for (let index = 0; index < words.length; index++) words[index] = Atomics.load(page, index);
      // This page may have been overwritten as soon as a second publication has begun.
      if (((Atomics.load(this.#version, 0) - version) | 0) > 2) continue;
      return { version, text: new TextDecoder().decode(new Uint8Array(words.buffer, 0, length)) };
    }
  }
}

/** The page that has the text of an even version. */
const halfOf = (version: number): 0 | 1 => ((version >> 1) & 1) as 0 | 1;
