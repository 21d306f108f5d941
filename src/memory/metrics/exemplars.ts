// Exemplars of a histogram: for each bucket of Prometheus the last duration whose request was recorded in a
// trace, with the ids of that trace. They are in the cells of a row of their own beside the row of the
// histogram, which is made with the first exemplar (series.ts).
//
//   word 0       version, odd while the exemplar is written
//   words 1..4   trace id
//   words 5, 6   span id
//   words 7, 8   duration in microseconds
//   words 9, 10  time in milliseconds since 1970, which OpenMetrics shows
//   word 11      not used
//
// Only the thread of the slot writes. The version makes a reader discard an exemplar that changes while it is
// read. A thread that is lost while it writes leaves an odd version; its successor goes on from there.
import { HISTOGRAM_CELLS, WIDE } from '../layout.js';
import { LE_BOUNDS_US } from './histogram.js';
import type { Exemplar, TraceIdentity } from './recorder.js';

const WORDS = 12;
const [VERSION, TRACE, SPAN, DURATION, TIME] = [0, 1, 5, 7, 9] as const;
/** The buckets of Prometheus, `+Inf` included. */
const BUCKETS = LE_BOUNDS_US.length + 1;
if (BUCKETS * WORDS > HISTOGRAM_CELLS * WIDE) throw new Error('exemplars: they do not fit into the cells');

const TWO_32 = 4294967296;
const UNREAD = -1;
/** Attempts to read an exemplar that is being written. Its writer may be lost. */
const READ_ATTEMPTS = 100;
/** The largest duration and time that can be shown. */
const MOST = Number.MAX_SAFE_INTEGER;

/** The bucket of a duration: the index of its `le` bound. */
export function bucketOf(microseconds: number): number {
  let bucket = 0;
  while (bucket < LE_BOUNDS_US.length && microseconds > LE_BOUNDS_US[bucket]!) bucket++;
  return bucket;
}

/**
 * Keeps a duration as the exemplar of its bucket. Only the owner of the row may call it.
 * @param words the cells of the row
 * @param duration in microseconds; it is rounded before its bucket is chosen, so both belong together
 * @param now milliseconds since 1970
 */
export function writeExemplar(
  words: Int32Array,
  duration: number,
  { traceId, spanId }: TraceIdentity,
  now: number,
): void {
  const microseconds = wholeOf(duration);
  const at = bucketOf(microseconds) * WORDS;
  const store = (index: number, value: number): void => {
    Atomics.store(words, at + index, value);
  };
  const writing = (words[at + VERSION]! + 1) | 1;
  store(VERSION, writing);
  for (let word = 0; word < 4; word++) store(TRACE + word, hexWord(traceId, word));
  for (let word = 0; word < 2; word++) store(SPAN + word, hexWord(spanId, word));
  storeCount(store, DURATION, microseconds);
  storeCount(store, TIME, wholeOf(now));
  store(VERSION, writing + 1);
}

/** Reads the exemplars of one row again and again: each one only when it was written since. */
export class ExemplarReader {
  readonly #words: Int32Array;
  /** The versions that were read. An odd one is none, because it belongs to an exemplar that is written. */
  readonly #versions = new Int32Array(BUCKETS).fill(UNREAD);
  readonly #read = new Array<Exemplar | undefined>(BUCKETS).fill(undefined);

  /** @param words the cells of the row */
  constructor(words: Int32Array) {
    this.#words = words;
  }

  /**
   * Reads the exemplars of all buckets, undefined for a bucket without one. Any thread may read.
   * @param latest milliseconds since 1970; an exemplar with a later time is not shown. It was written while
   *   the clock was ahead, and would count as the latest one until the clock is there again
   */
  read(latest = Number.POSITIVE_INFINITY): (Exemplar | undefined)[] {
    const words = this.#words;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      const at = bucket * WORDS + VERSION;
      const version = Atomics.load(words, at);
      if (version === this.#versions[bucket]) continue;
      this.#read[bucket] = readBucket(words, bucket);
      const isRead = (version & 1) === 0 && Atomics.load(words, at) === version;
      this.#versions[bucket] = isRead ? version : UNREAD;
    }
    return this.#read.map((one) => (one !== undefined && one.at > latest ? undefined : one));
  }
}

function readBucket(words: Int32Array, bucket: number): Exemplar | undefined {
  const exemplar = readOne(words, bucket * WORDS);
  if (exemplar === undefined) return undefined;
  // Code of a service may have overwritten the memory. A value outside of its bucket would be invalid.
  return bucketOf(exemplar.microseconds) === bucket ? exemplar : undefined;
}

function readOne(words: Int32Array, at: number): Exemplar | undefined {
  for (let attempt = 0; attempt < READ_ATTEMPTS; attempt++) {
    const version = Atomics.load(words, at + VERSION);
    if ((version & 1) !== 0) continue;
    const read = Array.from({ length: WORDS }, (_, index) => Atomics.load(words, at + index));
    if (Atomics.load(words, at + VERSION) !== version) continue;
    const traceId = hexOf(read.slice(TRACE, TRACE + 4));
    const spanId = hexOf(read.slice(SPAN, SPAN + 2));
    if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
    return { traceId, spanId, microseconds: countAt(read, DURATION), at: countAt(read, TIME) };
  }
  return undefined;
}

/** Chooses the later one of two exemplars of a bucket. */
export function laterExemplar(one: Exemplar | undefined, other: Exemplar | undefined): Exemplar | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return other.at > one.at ? other : one;
}

/** Eight digits of a hexadecimal id as a word. */
const hexWord = (id: string, word: number): number =>
  Number.parseInt(id.slice(word * 8, word * 8 + 8), 16) | 0;

const hexOf = (words: readonly number[]): string =>
  words.map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('');

function storeCount(store: (index: number, value: number) => void, index: number, count: number): void {
  store(index, count | 0);
  store(index + 1, Math.floor(count / TWO_32));
}

const wholeOf = (number: number): number => Math.min(MOST, Math.max(0, Math.round(number)));

const countAt = (words: readonly number[], index: number): number =>
  Math.min(MOST, (words[index + 1]! >>> 0) * TWO_32 + (words[index]! >>> 0));
