// Helpers of models besides the code under check: a block of shared memory whose words have names in
// traces, and a clock whose time is a word as well, so that a thread may be interrupted after it has read it.
import type { Block } from '#src/memory/block.js';
import type { Placement } from '#src/memory/placement.js';
import type { ModelMemory } from './model-memory.js';
import type { MemoryModules } from './small-memory.js';

export interface ModelClock {
  readonly now: () => number;
  /** Reads the time; called by a thread of the model. */
  readonly set: (milliseconds: number) => void;
}

interface Named {
  readonly buffer: SharedArrayBuffer;
  readonly fields: Readonly<Record<string, Placement>>;
}

export class World {
  readonly #memory: ModelMemory;
  readonly #named: Named[] = [];

  constructor(memory: ModelMemory) {
    this.#memory = memory;
  }

  /** Creates a block whose secret is always the same. */
  block({ block, placement }: MemoryModules, workers = 2): Block {
    const made = block.Block.create({ workers, rateBuckets: 1 });
    made.words('rateSecret').set([1, 2]);
    this.name(made.buffer, placement.plan({ workers, rateBuckets: 1 }).fields);
    return made;
  }

  /** The names of the words of a buffer. */
  name(buffer: SharedArrayBuffer, fields: Readonly<Record<string, Placement>>): void {
    this.#named.push({ buffer, fields });
  }

  clock(milliseconds: number): ModelClock {
    const words = new Int32Array(new SharedArrayBuffer(8));
    const placement = { offset: 0, stride: 8, rows: 1 };
    this.name(words.buffer as SharedArrayBuffer, { clock: placement });
    const set = (ms: number): void => void Atomics.store(words, 0, ms);
    set(milliseconds);
    return { now: () => Atomics.load(words, 0), set };
  }

  labelOf(address: number): string {
    for (const { buffer, fields } of this.#named) {
      const offset = 4 * (address - this.#memory.addressOf(buffer, 0));
      if (offset < 0 || offset >= buffer.byteLength) continue;
      for (const [name, { offset: first, stride, rows }] of Object.entries(fields)) {
        const distance = offset - first;
        if (distance < 0 || distance >= stride * rows) continue;
        const [row, word] = [Math.floor(distance / stride), (distance % stride) / 4];
        return `${name}[${row}]${word === 0 ? '' : `+${word}`}`;
      }
    }
    return `word ${address}`;
  }
}
