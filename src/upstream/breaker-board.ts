// All breakers of the process, as operators read and force them. Breakers of endpoints have one rule; each
// named breaker has the rule of its author, which is stored with its name.
import type { Block } from '../memory/block.js';
import { BreakerCells, isBreakerRule, type TransitionListener } from '../memory/breaker/breaker-cell.js';
import { NamedBreakers } from '../memory/breaker/named-breakers.js';
import type { Clock } from '../memory/clock.js';
import type { BreakerControl } from '../resilience/breaker-contract.js';
import { fromStoredNumbers } from '../resilience/breaker-options.js';
import { tripRule } from '../resilience/trip-rules.js';

export interface BreakerBoardOptions {
  readonly block: Block;
  readonly clock: Clock;
  readonly endpoints: BreakerCells;
  readonly onTransition: TransitionListener;
}

export interface BreakerBoard extends BreakerControl {
  /**
   * Refreshes every breaker, so that no time in shared memory becomes too old to be told from a recent one.
   */
  sweep(): void;
}

export function breakerBoard({ block, clock, endpoints, onTransition }: BreakerBoardOptions): BreakerBoard {
  const named = new NamedBreakers(block);
  const cellsOf = (slot: number): BreakerCells => {
    const terms = named.termsOf(slot);
    const rule = tripRule(fromStoredNumbers(terms ?? []));
    // The rule is in memory that any code of the process can write: it may be missing, or impossible.
    if (!isBreakerRule(rule)) return endpoints;
    return new BreakerCells(block, 0, rule, clock, onTransition);
  };
  return {
    state: (slot) => cellsOf(slot).state(slot),
    tripped: (slot) => endpoints.tripped(slot),
    transitions: (slot) => endpoints.transitions(slot),
    totalTransitions: () => endpoints.totalTransitions(),
    force: (slot, to) => cellsOf(slot).force(slot, to),
    sweep() {
      const { rows } = block.table('breakerState');
      for (let slot = 0; slot < rows; slot++) cellsOf(slot).refresh(slot);
    },
  };
}
