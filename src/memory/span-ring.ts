// Rings of bytes in which each thread keeps its latest records, the oldest of which are overwritten: the
// finished spans of the traces that are kept. The thread writes, the primary reads whenever it wants to, and
// neither waits for the other. So a record wakes no thread, and the records of a thread that is stalled or
// gone can be read.
//
// A record is its length in four bytes, its checksum in four, and its bytes. Positions count all bytes that
// were ever written, up to 2^53, so they do not wrap around. Before a record is overwritten, `FIRST` moves
// behind it, so a reader that loads `FIRST` after it has copied the bytes knows where whole records begin.
// The bytes are stored plainly: a processor may show them before the new `FIRST`, which the checksum finds.

/** Words of the header, 64 bits each: the position of the oldest record, and the end of the newest one. */
const FIRST = 0;
const WRITTEN = 1;
const HEADER_BYTES = 64;
const LENGTH_BYTES = 4;
const HEAD_BYTES = 8;

/** Bytes of all rings together, unless there are more than 128 rows for threads. */
const TOTAL_BYTES = 2 << 20;
const MOST_BYTES = 256 << 10;
const LEAST_BYTES = 16 << 10;
/** The longest record, as a part of the smallest ring: a record never displaces most of the others. */
export const MAX_RECORD = LEAST_BYTES / 4;

export type RingOfSpans = SharedArrayBuffer;

/** The rings of all rows. A ring exists once a thread has had its row. */
export class SpanMemory {
  readonly #bytes: number;
  readonly #bySlot = new Map<number, RingOfSpans>();

  /** @param rows the number of rows for threads */
  constructor(rows: number) {
    const share = 2 ** Math.floor(Math.log2(TOTAL_BYTES / Math.max(1, rows)));
    this.#bytes = Math.min(MOST_BYTES, Math.max(LEAST_BYTES, share));
  }

  /** The ring of a row. The next thread of the row continues it. */
  of(slot: number): RingOfSpans {
    let ring = this.#bySlot.get(slot);
    if (ring === undefined) {
      ring = new SharedArrayBuffer(HEADER_BYTES + this.#bytes);
      this.#bySlot.set(slot, ring);
    }
    return ring;
  }

  all(): Iterable<readonly [slot: number, ring: RingOfSpans]> {
    return this.#bySlot;
  }
}

/** What both sides see of a ring. */
class Ring {
  readonly words: BigInt64Array;
  readonly bytes: Uint8Array;
  readonly size: number;

  constructor(memory: RingOfSpans) {
    this.words = new BigInt64Array(memory, 0, 2);
    this.bytes = new Uint8Array(memory, HEADER_BYTES);
    this.size = this.bytes.length;
  }

  load(word: typeof FIRST | typeof WRITTEN): number {
    return Number(Atomics.load(this.words, word));
  }

  store(word: typeof FIRST | typeof WRITTEN, position: number): void {
    Atomics.store(this.words, word, BigInt(position));
  }

  /** Whether the two positions can be those of a ring. Code of a service may have overwritten the memory. */
  isRange(first: number, written: number): boolean {
    return Number.isSafeInteger(written) && first >= 0 && first <= written && written - first <= this.size;
  }
}

/** The ring as the writing thread uses it. */
export class SpanRingWriter {
  readonly #ring: Ring;
  #first: number;
  #written: number;

  constructor(memory: RingOfSpans) {
    this.#ring = new Ring(memory);
    this.#first = this.#ring.load(FIRST);
    this.#written = this.#ring.load(WRITTEN);
    if (!this.#ring.isRange(this.#first, this.#written)) this.#first = this.#written = 0;
  }

  /** Writes a record over the oldest ones. @returns false for a record that is too long */
  push(record: Uint8Array): boolean {
    if (record.length > MAX_RECORD) return false;
    const ring = this.#ring;
    const end = this.#written + HEAD_BYTES + record.length;
    while (end - this.#first > ring.size) this.#first = this.#next(this.#first);
    ring.store(FIRST, this.#first);
    const { length } = record;
    const sum = checksum(record);
    for (let i = 0; i < LENGTH_BYTES; i++) {
      ring.bytes[(this.#written + i) % ring.size] = (length >>> (8 * i)) & 0xff;
      ring.bytes[(this.#written + LENGTH_BYTES + i) % ring.size] = (sum >>> (8 * i)) & 0xff;
    }
    const at = (this.#written + HEAD_BYTES) % ring.size;
    const before = Math.min(length, ring.size - at);
    ring.bytes.set(record.subarray(0, before), at);
    ring.bytes.set(record.subarray(before), 0);
    this.#written = end;
    ring.store(WRITTEN, end);
    return true;
  }

  /** The position of the record behind this one; the end of all for a length that cannot be. */
  #next(at: number): number {
    let length = 0;
    for (let i = 0; i < LENGTH_BYTES; i++) {
      length |= this.#ring.bytes[(at + i) % this.#ring.size]! << (8 * i);
    }
    const next = at + HEAD_BYTES + length;
    return length < 0 || length > MAX_RECORD || next > this.#written ? this.#written : next;
  }
}

/** A record and its position, which orders the records of one ring. */
export interface PlacedRecord {
  readonly at: number;
  readonly text: string;
}

/** The ring as the reading thread uses it. It keeps its own position, and bounds all that it reads. */
export class SpanRingReader {
  readonly #ring: Ring;
  #read = 0;

  constructor(memory: RingOfSpans) {
    this.#ring = new Ring(memory);
  }

  /** The position of the oldest record that was not overwritten. */
  get first(): number {
    return this.#ring.load(FIRST);
  }

  /** The records that were written since the last call and not overwritten, the oldest first. */
  take(): PlacedRecord[] {
    const ring = this.#ring;
    const written = ring.load(WRITTEN);
    if (!Number.isSafeInteger(written) || written < 0 || written === this.#read) return [];
    const oldest = Math.max(0, written - ring.size);
    // The writer began anew, because it found positions that could not be.
    const from = this.#read > written ? oldest : Math.max(oldest, this.#read);
    const copy = Buffer.allocUnsafe(written - from);
    const at = from % ring.size;
    const before = Math.min(copy.length, ring.size - at);
    copy.set(ring.bytes.subarray(at, at + before), 0);
    copy.set(ring.bytes.subarray(0, copy.length - before), before);
    // Loaded after the copy: records from here on are whole in it, and what is before may be overwritten, so
    // that not even a length in it can be read.
    const { first } = this;
    if (first < oldest) return [];
    this.#read = written;
    return recordsOf(copy, from, Math.max(from, first));
  }
}

/** @param begin position of the first record to read. @param from position of the first byte */
function recordsOf(bytes: Buffer, from: number, begin: number): PlacedRecord[] {
  const records: PlacedRecord[] = [];
  for (let at = begin - from; at + HEAD_BYTES <= bytes.length; ) {
    const length = bytes.readUInt32LE(at);
    const start = at + HEAD_BYTES;
    const end = start + length;
    if (length > MAX_RECORD || end > bytes.length) break;
    const isWhole = checksum(bytes.subarray(start, end)) === bytes.readUInt32LE(at + LENGTH_BYTES);
    if (isWhole) records.push({ at: from + at, text: bytes.toString('utf8', start, end) });
    at = end;
  }
  return records;
}

/** FNV-1a with 32 bits (http://www.isthe.com/chongo/tech/comp/fnv/). */
function checksum(bytes: Uint8Array): number {
  let sum = 0x811c9dc5;
  for (let i = 0; i < bytes.length; i++) sum = Math.imul(sum ^ bytes[i]!, 0x01000193);
  return sum >>> 0;
}
