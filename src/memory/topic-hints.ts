// Which workers have subscribers of a topic: a Bloom filter of one hash per worker, so that a message wakes
// only workers that may have subscribers. It can be wrong when it finds a worker, never when it finds none.
import type { Table } from './area.js';
import type { Block } from './block.js';
import { TOPIC_WORDS } from './layout.js';

const BUCKETS = TOPIC_WORDS * 32;

/** Written by the worker of this slot alone while it is not stalled; see `forgetTopics`. */
export class TopicHints {
  readonly #own: Int32Array;
  readonly #slot: number;
  /** Words of all workers in one view: a view for each would be one for every pair of workers. */
  readonly #all: Table;
  /** Topics of this worker by bucket. */
  readonly #topics = new Uint32Array(BUCKETS);

  constructor(block: Block, slot: number) {
    this.#slot = slot;
    this.#own = block.words('workerTopics', slot);
    this.#all = block.table('workerTopics');
  }

  /** This worker has its first subscriber of the topic. */
  joined(topic: string): void {
    const bucket = bucketOf(topic);
    if (this.#topics[bucket]!++ === 0) Atomics.or(this.#own, bucket >> 5, 1 << (bucket & 31));
  }

  /** It has none left. */
  left(topic: string): void {
    const bucket = bucketOf(topic);
    if (--this.#topics[bucket]! === 0) Atomics.and(this.#own, bucket >> 5, ~(1 << (bucket & 31)));
  }

  /** Calls for every other worker that may have subscribers. */
  elsewhere(topic: string, found: (slot: number) => void): void {
    const bucket = bucketOf(topic);
    const word = bucket >> 5;
    const bit = 1 << (bucket & 31);
    const { words, stride, rows } = this.#all;
    for (let slot = 1; slot < rows; slot++) {
      if (slot !== this.#slot && (Atomics.load(words, slot * stride + word) & bit) !== 0) found(slot);
    }
  }
}

/**
 * Clears the topics of a thread that has ended, or is stalled and would only pile up what it is sent. Called
 * by the primary only.
 */
export function forgetTopics(block: Block, slot: number): void {
  const words = block.words('workerTopics', slot);
  for (let word = 0; word < words.length; word++) Atomics.store(words, word, 0);
}

/** FNV-1a. */
function bucketOf(topic: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < topic.length; i++) hash = Math.imul(hash ^ topic.charCodeAt(i), 0x01000193);
  return (hash >>> 0) % BUCKETS;
}
