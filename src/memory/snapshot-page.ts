// One text that the primary publishes and everybody reads: a seqlock over a page of shared memory
// (H.-J. Boehm, "Can seqlocks get along with programming language memory models?", MSPC 2012).
// Readers never wait for the primary; on the hot path they only compare the version.
import type { Block } from './block.js';

/** The pages there are, as their fields begin in layout.ts: the registry, and the routes that are switched off. */
export type PageName = 'snapshot' | 'switchedOff';

export class SnapshotPage {
  readonly #version: Int32Array;
  readonly #length: Int32Array;
  readonly #page: Int32Array;

  constructor(block: Block, name: PageName = 'snapshot') {
    this.#version = block.words(`${name}Version`);
    this.#length = block.words(`${name}Length`);
    this.#page = block.words(`${name}Page`);
  }

  /** Grows by two with every publication; odd while one is under way. */
  version(): number {
    return Atomics.load(this.#version, 0);
  }

  /** Primary only. @throws RangeError when the text is longer than the page, which keeps what it held */
  publish(text: string): void {
    const bytes = new TextEncoder().encode(text);
    const most = this.#page.length * 4;
    if (bytes.length > most) throw new RangeError(`${bytes.length} bytes are more than the page's ${most}`);
    const words = new Int32Array(Math.ceil(bytes.length / 4));
    new Uint8Array(words.buffer).set(bytes);
    // Even before and after, also when the word was overwritten: readers wait while it is odd.
    const version = this.version() & ~1;
    Atomics.store(this.#version, 0, version + 1);
    Atomics.store(this.#length, 0, bytes.length);
    for (let index = 0; index < words.length; index++) Atomics.store(this.#page, index, words[index]!);
    Atomics.store(this.#version, 0, version + 2);
  }

  /** The text as it stood at `version`. Empty before the first publication. */
  read(): { readonly version: number; readonly text: string } {
    for (;;) {
      const version = this.version();
      if ((version & 1) === 1) continue;
      const length = Math.max(0, Math.min(Atomics.load(this.#length, 0), this.#page.length * 4));
      const words = new Int32Array(Math.ceil(length / 4));
      for (let index = 0; index < words.length; index++) words[index] = Atomics.load(this.#page, index);
      if (this.version() !== version) continue;
      return { version, text: new TextDecoder().decode(new Uint8Array(words.buffer, 0, length)) };
    }
  }
}
