// A thread that takes and releases units of a quota together with others, and records the most that were held
// at once: see quota-cells.test.ts.
import { workerData } from 'node:worker_threads';
import { AddressCells, addressKeys } from '#src/memory/address-cells.js';
import { Block } from '#src/memory/block.js';
import { QuotaCells } from '#src/memory/quota-cells.js';

export interface QuotaCrowd {
  readonly memory: SharedArrayBuffer;
  readonly slot: number;
  /**
   * Words: threads that have arrived, units held now, most of them at once, units that were granted in all.
   */
  readonly seen: SharedArrayBuffer;
  readonly threads: number;
  readonly most: number;
  /** The bound that is tested: that of the process, or that of one address. */
  readonly cells: 'units' | 'shares';
}

const { memory, slot, seen, threads, most, cells } = workerData as QuotaCrowd;
const words = new Int32Array(seen);
const block = Block.attach(memory);
const units = new QuotaCells(block, slot, 'streams');
const shares = new AddressCells(block, slot, 'streams');
const key = addressKeys(block)('198.51.100.7');
const [take, give] =
  cells === 'units'
    ? [(n: number) => units.take(n, most), (n: number) => units.give(n)]
    : [(n: number) => shares.take(key, n, most), (n: number) => shares.give(key, n)];

Atomics.add(words, 0, 1);
while (Atomics.load(words, 0) < threads) Atomics.wait(words, 0, Atomics.load(words, 0), 1);
for (let turn = 0; turn < 100_000; turn++) {
  const amount = 1 + (turn % 3);
  if (!take(amount)) continue;
  const held = Atomics.add(words, 1, amount) + amount;
  for (let before = Atomics.load(words, 2); held > before; before = Atomics.load(words, 2)) {
    Atomics.compareExchange(words, 2, before, held);
  }
  Atomics.add(words, 3, amount);
  Atomics.sub(words, 1, amount);
  give(amount);
}
