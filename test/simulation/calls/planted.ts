// Faults in the balancing and resilience of calls, each with the story and the rule that must find it.
import { NOT_WATCHED } from '#src/upstream/outliers.js';
import { endpointOfKey } from '#src/upstream/strategies/consistent-hash.js';
import { ALL_SETTLED } from '#test/upstream/endpoints.js';
import { type Parts, REAL } from './parts.js';
import { STORIES, type Story } from './stories.js';

export interface PlantedFault {
  readonly fault: string;
  readonly story: Story;
  readonly rule: string;
  readonly parts: Parts;
}

const planted = (fault: string, story: string, rule: string, parts: Partial<Parts>): PlantedFault => ({
  fault,
  story: STORIES.find(({ name }) => name === story)!,
  rule,
  parts: { ...REAL, ...parts },
});

const NO_LOAD = { inFlight: () => 0, latency: () => 0, now: () => 0 };
const NO_IDS: ReadonlySet<string> = new Set();

export const PLANTED_IN_CALLS: readonly PlantedFault[] = [
  planted('every call is repeated, whatever the budget is', 'all six overloaded', 'budget', {
    budget: () => ({ deposit: () => undefined, hasToken: () => true, withdraw: () => true }),
  }),
  planted('no instance is ejected', 'one of three hung', 'ejected in time', { outliers: () => NOT_WATCHED }),
  planted('a broken connection is no failure', 'one of three resetting', 'ejected in time', {
    outliers(options) {
      const real = REAL.outliers(options);
      return {
        ...NOT_WATCHED,
        ended: (endpoint, reached) => reached === 'success' && real.ended(endpoint, reached),
      };
    },
  }),
  planted('an ejection never ends', 'one of three failing', 'comes back', {
    rule: { ...REAL.rule, ejectedMs: () => 3_600_000 },
  }),
  planted('any number of instances is ejected', 'four of six resetting', 'at most half', {
    outliers: ({ cells }) => ({
      ...NOT_WATCHED,
      ended({ slot }, reached) {
        if (reached === 'failure' && cells.failed(slot)) cells.eject(slot, () => true);
      },
    }),
  }),
  planted('the view of the registry is never read again', 'three of ten leave', 'left', {
    endpoints(read) {
      let kept: ReturnType<typeof read> = [];
      return (service, protocol) => (kept = kept.length === 10 ? kept : read(service, protocol));
    },
  }),
  planted('instances that start count as unhealthy ones', 'from two to eight', 'starting', {
    endpoints: (read) => (service, protocol) =>
      read(service, protocol).map((one) => (one.state === 'starting' ? { ...one, state: 'unhealthy' } : one)),
  }),
  planted('a retry may go to the same instance', 'one of three refusing', 'another instance', {
    balancer: (balancer) => ({
      has: (...args) => balancer.has(...args),
      pick: (service, _tried, excludes, route) => balancer.pick(service, NO_IDS, excludes, route),
    }),
  }),
  planted('a new instance gets a whole share at once', 'one joins nine', 'slow start', {
    statuses: () => ALL_SETTLED,
  }),
  planted('keys are hashed with the number of instances', 'keys, and one of ten leaves', 'keys stay', {
    picker: (seat) => () => ({
      ...REAL.picker(seat)(),
      pickOfKey: (circle, key, admits) =>
        endpointOfKey(circle, `${key}/${circle.endpoints.length}`, seat.load, admits),
    }),
  }),
  planted('a key has one instance, however busy it is', 'half of the calls have one key', 'bounded load', {
    picker: (seat) => () => ({
      ...REAL.picker(seat)(),
      pickOfKey: (circle, key, admits) => endpointOfKey(circle, key, NO_LOAD, admits),
    }),
  }),
];
