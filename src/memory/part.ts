// A part of shared memory: a buffer with a few fields of the layout, without the block of the process. It is
// for programs that use only a rate limiter, a breaker or a bulkhead of Multilane. Such a program starts its
// own threads, so there is no primary that gives them slots: each thread takes one by itself.
import { threadId } from 'node:worker_threads';
import { Area } from './area.js';
import { epochOf, makeMemory, readDimensions } from './header.js';
import { fillSecret } from './keyed-hash.js';
import { type FieldName, NAMED_RATES, type Rows } from './layout.js';
import { type Plan, planOf } from './placement.js';

/** Magic and fields of each kind. */
const PARTS = {
  rates: [
    0x4d4c5252, // "MLRR"
    ['rateSecret', 'rateBuckets', 'rateLead', 'rateHash', 'rateNameLength', 'rateName', 'rateTerms'],
  ],
  breaker: [
    0x4d4c4252, // "MLBR"
    [
      'workerId',
      'breakerState',
      'breakerWindow',
      'breakerTransitions',
      'heldProbes',
      'breakerHash',
      'breakerNameLength',
      'breakerName',
      'breakerTerms',
    ],
  ],
  bulkhead: [
    0x4d4c4248, // "MLBH"
    [
      'workerId',
      'bulkheadHeld',
      'workerBulkheadHeld',
      'bulkheadLine',
      'bulkheadHash',
      'bulkheadNameLength',
      'bulkheadName',
      'bulkheadNumbers',
    ],
  ],
} as const satisfies Record<string, readonly [number, readonly FieldName[]]>;

/** The memory of a part, which can be sent to other threads. */
export type PartMemory = SharedArrayBuffer;

export type PartKind = keyof typeof PARTS;

const countOf = (kind: PartKind, size: number): Partial<Record<Rows, number>> =>
  kind === 'rates'
    ? { process: 1, 'rate-bucket': size, 'rate-region': 1, 'named-rate': NAMED_RATES }
    : {
        worker: size,
        breaker: 1,
        'worker-breaker': size,
        'named-breaker': 1,
        bulkhead: 1,
        'worker-bulkhead': size,
      };

/**
 * The word of a slot contains the thread that uses it, or, as a negative number, the thread that reclaims it.
 */
const userOf = (thread: number): number => thread + 1;
const reclaimerOf = (thread: number): number => -(thread + 1);
/** The largest thread id that fits into the word. */
const MOST_THREAD = 2 ** 31 - 2;

export class Part extends Area {
  /** Number of threads that may use the part at the same time. */
  readonly threads: number;

  private constructor(buffer: SharedArrayBuffer, { fields }: Plan<never>, threads: number, epochNs: bigint) {
    super(buffer, fields, epochNs);
    this.threads = threads;
  }

  /**
   * @param size number of buckets for a part of rate limits; number of threads that may use any other part
   */
  static create(kind: PartKind, size: number): Part {
    const [magic, names] = PARTS[kind];
    const layout = planOf<FieldName>(names, countOf(kind, size));
    const { buffer, epochNs } = makeMemory(magic, layout, [size]);
    const part = new Part(buffer, layout, size, epochNs);
    if (kind === 'rates') fillSecret(part.words('rateSecret'));
    return part;
  }

  /** @throws Error for memory of another kind or of another version */
  static attach(kind: PartKind, buffer: PartMemory): Part {
    const [magic, names] = PARTS[kind];
    const [size] = readDimensions(magic, buffer, 1) ?? [];
    if (size === undefined) throw new Error(`${kind}: not memory of its kind`);
    const layout = planOf<FieldName>(names, countOf(kind, size));
    return new Part(buffer, layout, size, epochOf(buffer, layout));
  }

  /**
   * The slot of a thread, which keeps it until the slot is reclaimed.
   * @param thread `threadId` of node:worker_threads
   * @throws RangeError when other threads have all slots
   */
  slotOf(thread: number): number {
    const known = this.#find(thread);
    if (known !== undefined) return known;
    for (let slot = 0; slot < this.threads; slot++) {
      if (Atomics.compareExchange(this.words('workerId', slot), 0, 0, userOf(thread)) === 0) return slot;
    }
    throw new RangeError(
      `${this.threads} threads use this memory: reclaim those that have ended, or create it with more threads`,
    );
  }

  /**
   * Releases what a thread that has ended held, and then its slot. A slot that this thread was reclaiming is
   * released as well.
   * @param held releases what a slot holds. It is called a second time when the thread that called it first
   *   was lost
   * @returns false when the thread had no slot
   * @throws RangeError for the calling thread, and for a number that is not a `threadId`
   */
  reclaim(thread: number, held: (slot: number) => void): boolean {
    // The number -1 would give the word of a free slot, so every free slot would seem to belong to the
    // thread.
    if (!(Number.isInteger(thread) && thread >= 0 && thread <= MOST_THREAD)) {
      throw new RangeError(
        `${thread} is no thread's id; a Worker that has ended gives -1, so ask for its threadId before it does`,
      );
    }
    if (thread === threadId) throw new RangeError('a thread cannot reclaim what it holds itself');
    let isFound = false;
    for (let slot = 0; slot < this.threads; slot++) {
      const words = this.words('workerId', slot);
      const user = Atomics.load(words, 0);
      if (user !== userOf(thread) && user !== reclaimerOf(thread)) continue;
      // Only one of two threads reclaims a slot: the other one could release what the next user of the slot
      // holds.
      if (Atomics.compareExchange(words, 0, user, reclaimerOf(threadId)) !== user) continue;
      held(slot);
      Atomics.store(words, 0, 0);
      isFound = true;
    }
    return isFound;
  }

  #find(thread: number): number | undefined {
    for (let slot = 0; slot < this.threads; slot++) {
      if (Atomics.load(this.words('workerId', slot), 0) === userOf(thread)) return slot;
    }
    return undefined;
  }
}
