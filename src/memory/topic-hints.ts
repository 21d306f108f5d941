// Which workers have subscribers of a topic: a Bloom filter of one hash per worker, so that a message wakes
// only workers that may have subscribers. A worker that it finds may have no subscriber, but a worker with
// subscribers is always found.
import type { Table } from './area.js';
import type { Block } from './block.js';
import { TOPIC_WORDS } from './layout.js';

const BUCKETS = TOPIC_WORDS * 32;

/**
 * The topics of one worker, as it publishes them. Only the worker writes its words, except that the primary
 * clears them when it is stalled (`forgetTopics`).
 */
export class TopicHints {
  readonly #own: Int32Array;
  readonly #slot: number;
  /**
   * The words of all workers in one view. With a view per worker, every worker would need one for every other
   * worker.
   */
  readonly #all: Table;
  /** The number of topics of this worker in each bucket. */
  readonly #topics = new Uint32Array(BUCKETS);

  constructor(block: Block, slot: number) {
    this.#slot = slot;
    this.#own = block.words('workerTopics', slot);
    this.#all = block.table('workerTopics');
  }

  /** Call it when this worker gets its first subscriber of a topic. */
  joined(topic: string): void {
    const bucket = bucketOf(topic);
    if (this.#topics[bucket]!++ === 0) Atomics.or(this.#own, bucket >> 5, 1 << (bucket & 31));
  }

  /** Call it when this worker loses its last subscriber of a topic. */
  left(topic: string): void {
    const bucket = bucketOf(topic);
    if (--this.#topics[bucket]! === 0) Atomics.and(this.#own, bucket >> 5, ~(1 << (bucket & 31)));
  }

  /** Calls `found` with the slot of every other worker that may have subscribers. */
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
 * Clears the topics of a thread that has ended, or of one that is stalled, so that messages do not pile up
 * for it. Called by the primary only.
 */
export function forgetTopics(block: Block, slot: number): void {
  const words = block.words('workerTopics', slot);
  for (let word = 0; word < words.length; word++) Atomics.store(words, word, 0);
}

/** The bucket of a topic, by the hash FNV-1a. */
function bucketOf(topic: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < topic.length; i++) hash = Math.imul(hash ^ topic.charCodeAt(i), 0x01000193);
  return (hash >>> 0) % BUCKETS;
}
