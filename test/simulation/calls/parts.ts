// The parts of the balancing and resilience of calls that a simulation may replace: another picker, or a part
// with a planted fault.
import type { RetryBudgetCell } from '#src/memory/budget-cell.js';
import type { EjectionCells } from '#src/memory/ejection-cells.js';
import type { Endpoint } from '#src/registry/endpoint.js';
import { type EjectionRule, ejectionRule } from '#src/resilience/ejection.js';
import type { RetryBudget } from '#src/resilience/policy.js';
import type { Balancer } from '#src/upstream/balancer.js';
import { type EndpointStatuses, endpointStatuses } from '#src/upstream/endpoint-status.js';
import { Outliers, type OutliersOptions, type OutlierWatch } from '#src/upstream/outliers.js';
import { PICKERS, type PickerOf } from './pickers.js';

export type Endpoints = (service: string, protocol?: Endpoint['protocol']) => readonly Endpoint[];

export interface Parts {
  readonly picker: PickerOf;
  readonly budget: (cell: RetryBudgetCell) => RetryBudget;
  readonly rule: EjectionRule;
  readonly outliers: (options: OutliersOptions & { readonly cells: EjectionCells }) => OutlierWatch;
  readonly endpoints: (read: Endpoints) => Endpoints;
  readonly statuses: (cells: EjectionCells, rule: EjectionRule) => EndpointStatuses;
  readonly balancer: (balancer: Balancer) => Pick<Balancer, 'pick' | 'has'>;
}

/**
 * The parts as src/worker/outbound-calls.ts puts them together for instances that report no load. Prequal
 * hardly calls an instance that fails, so that it is ejected late or never, which the stories do not expect.
 */
export const REAL: Parts = {
  picker: PICKERS.p2c!,
  budget: (cell) => cell,
  rule: ejectionRule(30_000),
  outliers: (options) => new Outliers(options),
  endpoints: (read) => read,
  statuses: endpointStatuses,
  balancer: (balancer) => balancer,
};
