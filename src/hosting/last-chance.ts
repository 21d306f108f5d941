// The turn of sagas whose compensation has its last chance, one for all workers: what a compensation ends is
// the process.
import type { Block } from '../memory/block.js';
import { BulkheadCells, type Permits } from '../memory/bulkhead-cells.js';
import type { Turn } from '../saga/turn.js';

const NAME = 'sagas with a last chance';

/**
 * Has a row among the bulkheads only once it is needed. What a lost worker held is released with the rest.
 */
export function lastChanceOf(block: Block, slot: number): Turn {
  let permits: Permits | undefined;
  return {
    take() {
      permits ??= new BulkheadCells(block, slot).of(NAME);
      return permits.enter(1);
    },
    leave() {
      permits?.leave();
    },
  };
}
