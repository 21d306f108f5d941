// All checks: those that hold, and those with a known fault.
import type { Check } from '../check.js';
import * as breaker from './breaker.js';
import * as budget from './budget.js';
import * as bulkhead from './bulkhead.js';
import * as census from './census.js';
import * as claims from './claims.js';
import * as database from './database.js';
import * as ejection from './ejection.js';
import * as names from './names.js';
import * as pages from './pages.js';
import * as quotas from './quotas.js';
import * as rate from './rate.js';

const ALL = [
  breaker,
  budget,
  bulkhead,
  census,
  claims,
  database,
  ejection,
  names,
  pages,
  quotas,
  rate,
].flatMap((checks): Check[] => Object.values(checks));

export interface OpenFault {
  readonly check: Check;
  readonly reason: string;
  /** The schedule that leads to the fault. */
  readonly schedule: string;
}

/**
 * Known faults that are not fixed yet. A fix removes the fault from this list, and its check holds
 * from then on.
 */
export const OPEN_FAULTS: readonly OpenFault[] = [];

export const CHECKS: readonly Check[] = ALL.filter(
  (check) => !OPEN_FAULTS.some((open) => open.check === check),
);
