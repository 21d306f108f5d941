// One text that the primary publishes and everybody reads: a seqlock over a page of shared memory
// (H.-J. Boehm, "Can seqlocks get along with programming language memory models?", MSPC 2012).
// Readers never wait for the primary; on the hot path they only compare the version.
import type { Block } from './block.js';
import { SNAPSHOT_BYTES } from './layout.js';

export class SnapshotPage {
  readonly #version: Int32Array;
  readonly #length: Int32Array;
  readonly #page: Int32Array;

  constructor(block: Block) {
    this.#version = block.words('snapshotVersion');
    this.#length = block.words('snapshotLength');
    this.#page = block.words('snapshotPage');
  }

  /** Grows by two with every publication; odd while one is under way. */
  version(): number {
    return Atomics.load(this.#version, 0);
  }

  /** Primary only. @throws RangeError when the text is over 1 MiB; the page keeps what it held */
  publish(text: string): void {
    const bytes = new TextEncoder().encode(text);
    if (bytes.length > SNAPSHOT_BYTES)
      throw new RangeError(`snapshot of ${bytes.length} bytes is over 1 MiB`);
    const words = new Int32Array(Math.ceil(bytes.length / 4));
    new Uint8Array(words.buffer).set(bytes);
    Atomics.add(this.#version, 0, 1);
    Atomics.store(this.#length, 0, bytes.length);
    for (let index = 0; index < words.length; index++) Atomics.store(this.#page, index, words[index]!);
    Atomics.add(this.#version, 0, 1);
  }

  /** The text as it stood at `version`. Empty before the first publication. */
  read(): { readonly version: number; readonly text: string } {
    for (;;) {
      const version = this.version();
      if ((version & 1) === 1) continue;
      const length = Atomics.load(this.#length, 0);
      const words = new Int32Array(Math.ceil(length / 4));
      for (let index = 0; index < words.length; index++) words[index] = Atomics.load(this.#page, index);
      if (this.version() !== version) continue;
      return { version, text: new TextDecoder().decode(new Uint8Array(words.buffer, 0, length)) };
    }
  }
}
