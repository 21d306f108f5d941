// A check: the model that is built, and a title that states the property to hold.
import { expect } from 'chai';
import type { Build, Exploration } from './explore.js';
import type { MemoryModules } from './small-memory.js';

export interface Check {
  /** Sentence of the specification. */
  readonly title: string;
  readonly build: (modules: MemoryModules) => Build;
  /**
   * Bound on interruptions, for the time that `npm test` has: see `ExploreOptions`. @default without a bound
   */
  readonly interruptions?: number;
  /** The bound for `npm run test:long`. @default without a bound */
  readonly deepInterruptions?: number;
}

export function expectNothing({ finding }: Exploration): void {
  if (finding === undefined) return;
  const { message, trace, schedule } = finding;
  expect.fail(`${message}\n${trace}\nschedule: ${schedule}\n`);
}
