// A table of rate limits on its own, without the block of the process: for programs that want nothing else of us.
import { type Clock, sharedClock } from './clock.js';
import { fillSecret } from './keyed-hash.js';
import { RATE_BUCKET_WORDS } from './layout.js';
import { ROWS_PER_BUCKET } from './rate-bucket.js';
import { RateTable } from './rate-table.js';

const MAGIC = 0x4d4c5252; // "MLRR"
/** Words before the table: magic, secret (two words), and the zero of the clock (two words). A cache line. */
const HEADER_WORDS = 16;
const [MAGIC_WORD, SECRET, EPOCH_LOW, EPOCH_HIGH] = [0, 1, 3, 4] as const;

/** Can be handed to other threads. */
export type RateMemory = SharedArrayBuffer;

/** @param keys that are to have a place of their own at once; half the rows are left free for those that meet */
export function createRateMemory(keys: number): RateMemory {
  if (!(Number.isSafeInteger(keys) && keys >= 1 && keys <= 10_000_000)) {
    throw new RangeError('rate limits: keys must be a whole number from 1 to 10,000,000');
  }
  const buckets = 2 ** Math.ceil(Math.log2((2 * keys) / ROWS_PER_BUCKET));
  const words = Math.max(1, buckets) * RATE_BUCKET_WORDS;
  const memory = new SharedArrayBuffer((HEADER_WORDS + words) * 4);
  const header = new Int32Array(memory, 0, HEADER_WORDS);
  fillSecret(header.subarray(SECRET, SECRET + 2));
  const epochNs = process.hrtime.bigint();
  header[EPOCH_LOW] = Number(BigInt.asIntN(32, epochNs));
  header[EPOCH_HIGH] = Number(BigInt.asIntN(32, epochNs >> 32n));
  header[MAGIC_WORD] = MAGIC;
  return memory;
}

/** @throws Error for memory that `createRateMemory` has not made */
export function attachRates(memory: RateMemory, clock?: Clock): RateTable {
  const header = new Int32Array(memory, 0, HEADER_WORDS);
  if (header[MAGIC_WORD] !== MAGIC) throw new Error('rate limits: not their memory');
  const low = BigInt.asUintN(32, BigInt(header[EPOCH_LOW]!));
  const epochNs = (BigInt(header[EPOCH_HIGH]!) << 32n) | low;
  return new RateTable({
    words: new Int32Array(memory, HEADER_WORDS * 4),
    secret: header.subarray(SECRET, SECRET + 2),
    clock: clock ?? sharedClock({ epochNs }),
  });
}
