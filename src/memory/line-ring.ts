// Lines on their way from one thread to another, in memory that the two share: one writes, one reads, neither
// waits.

/** A power of two, so that positions may wrap. */
const CAPACITY = 128 * 1024;
const WRITTEN = 0;
const READ = 1;
const HEADER_BYTES = 8;

/** The longest line that a ring is given. */
export const MAX_RING_LINE = CAPACITY / 4;

export type RingMemory = SharedArrayBuffer;

export const newRingMemory = (): RingMemory => new SharedArrayBuffer(HEADER_BYTES + CAPACITY);

/** The end of the thread that writes. */
export class RingWriter {
  readonly #cells: Uint32Array;
  readonly #bytes: Uint8Array;

  constructor(memory: RingMemory) {
    this.#cells = new Uint32Array(memory, 0, 2);
    this.#bytes = new Uint8Array(memory, HEADER_BYTES, CAPACITY);
  }

  /** All of the bytes or none. @returns false when there is no room until the reader has been here */
  push(bytes: Uint8Array): boolean {
    const written = Atomics.load(this.#cells, WRITTEN);
    const used = (written - Atomics.load(this.#cells, READ)) >>> 0;
    if (bytes.length > CAPACITY - used) return false;
    const at = written % CAPACITY;
    const first = Math.min(bytes.length, CAPACITY - at);
    this.#bytes.set(bytes.subarray(0, first), at);
    this.#bytes.set(bytes.subarray(first), 0);
    Atomics.store(this.#cells, WRITTEN, written + bytes.length);
    return true;
  }
}

/** The end of the thread that reads. It believes nothing that code of a service may have written over. */
export class RingReader {
  readonly #cells: Uint32Array;
  readonly #bytes: Uint8Array;
  #read = 0;

  constructor(memory: RingMemory) {
    this.#cells = new Uint32Array(memory, 0, 2);
    this.#bytes = new Uint8Array(memory, HEADER_BYTES, CAPACITY);
  }

  /** A copy of what has been written since, whole lines; empty when there is nothing. */
  take(): Buffer {
    const written = Atomics.load(this.#cells, WRITTEN);
    const length = Math.min((written - this.#read) >>> 0, CAPACITY);
    if (length === 0) return EMPTY;
    const taken = Buffer.allocUnsafe(length);
    const at = this.#read % CAPACITY;
    const first = Math.min(length, CAPACITY - at);
    taken.set(this.#bytes.subarray(at, at + first), 0);
    taken.set(this.#bytes.subarray(0, length - first), first);
    this.#read = written;
    Atomics.store(this.#cells, READ, written);
    return taken;
  }
}

const EMPTY = Buffer.alloc(0);
