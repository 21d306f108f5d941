// All breakers in the operator's hand. Those of endpoints have one rule, each named one has that of its
// author, which is kept beside its name.
import type { Block } from '../memory/block.js';
import { BreakerCells, isBreakerRule, type TransitionListener } from '../memory/breaker/breaker-cell.js';
import { NamedBreakers } from '../memory/breaker/named-breakers.js';
import type { Clock } from '../memory/clock.js';
import type { BreakerControl } from '../resilience/breaker-contract.js';
import { fromStoredNumbers } from '../resilience/breaker-options.js';
import { tripRule } from '../resilience/trip-rules.js';

export interface BoardParts {
  readonly block: Block;
  readonly clock: Clock;
  readonly endpoints: BreakerCells;
  readonly onTransition: TransitionListener;
}

export interface BreakerBoard extends BreakerControl {
  /** Refreshes every breaker, whoever uses it. */
  sweep(): void;
}

export function breakerBoard({ block, clock, endpoints, onTransition }: BoardParts): BreakerBoard {
  const named = new NamedBreakers(block);
  const cellsOf = (slot: number): BreakerCells => {
    const terms = named.termsOf(slot);
    const rule = tripRule(fromStoredNumbers(terms ?? []));
    // No terms, or some that no author can have set: they lie in memory that any code of the process can
    // write.
    if (!isBreakerRule(rule)) return endpoints;
    return new BreakerCells(block, 0, rule, clock, onTransition);
  };
  return {
    state: (slot) => cellsOf(slot).state(slot),
    transitions: (slot) => endpoints.transitions(slot),
    totalTransitions: () => endpoints.totalTransitions(),
    force: (slot, to) => cellsOf(slot).force(slot, to),
    sweep() {
      const { rows } = block.table('breakerState');
      for (let slot = 0; slot < rows; slot++) cellsOf(slot).refresh(slot);
    },
  };
}
