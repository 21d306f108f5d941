// One protocol under one question: what is built, and what the title promises of it.
import { expect } from 'chai';
import type { Build, Exploration } from './explore.js';
import type { MemoryModules } from './small-memory.js';

export interface Check {
  /** Sentence of the specification. */
  readonly title: string;
  readonly build: (modules: MemoryModules) => Build;
  /** As many interruptions as `npm test` has the time for: see `ExploreOptions`. @default without a bound */
  readonly interruptions?: number;
  /** The same for `npm run test:long`. */
  readonly deepInterruptions?: number;
}

export function expectNothing({ finding }: Exploration): void {
  if (finding === undefined) return;
  const { message, trace, schedule } = finding;
  expect.fail(`${message}\n${trace}\nschedule: ${schedule}\n`);
}
