// A ring of bytes that carries log lines from one thread to the primary, in memory that the two share. The
// thread writes, the primary reads, and neither waits for the other. It is used under pm2
// (telemetry/log-batches.ts).

/** Bytes of the ring: a power of two, so that positions may wrap around at 2^32. */
const CAPACITY = 128 * 1024;
/** Words of the header: how many bytes were written and read in all, modulo 2^32. */
const WRITTEN = 0;
const READ = 1;
const HEADER_BYTES = 8;

/**
 * The longest line that a writer may put into the ring. Longer ones are shortened before
 * (telemetry/log-sink.ts).
 */
export const MAX_RING_LINE = CAPACITY / 4;

export type RingMemory = SharedArrayBuffer;

export const newRingMemory = (): RingMemory => new SharedArrayBuffer(HEADER_BYTES + CAPACITY);

/** The ring as the writing thread uses it. */
export class RingWriter {
  readonly #cells: Uint32Array;
  readonly #bytes: Uint8Array;

  constructor(memory: RingMemory) {
    this.#cells = new Uint32Array(memory, 0, 2);
    this.#bytes = new Uint8Array(memory, HEADER_BYTES, CAPACITY);
  }

  /** Writes all of the bytes or none. @returns false when they do not fit until the reader has read more */
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

/**
 * The ring as the reading thread uses it. Code of a service may have overwritten the memory, so the reader
 * keeps its position outside of it and bounds the length that it reads.
 */
export class RingReader {
  readonly #cells: Uint32Array;
  readonly #bytes: Uint8Array;
  #read = 0;

  constructor(memory: RingMemory) {
    this.#cells = new Uint32Array(memory, 0, 2);
    this.#bytes = new Uint8Array(memory, HEADER_BYTES, CAPACITY);
  }

  /** @returns a function that tells whether all lines that are in the ring at this call were taken */
  mark(): () => boolean {
    const written = Atomics.load(this.#cells, WRITTEN);
    return () => ((this.#read - written) | 0) >= 0;
  }

  /**
   * A copy of the lines that were written since the last call, all of them whole; empty when there are none.
   */
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
