// Problems of the services that are called: instances, breakers, the retry budget, the shared registry.
import { counted } from '../../counted.js';
import { openedAt } from './breaker-list.js';
import type { SeenBreaker, ServiceFleet } from './fleet.js';
import { type Problem, type ProblemFacts, pageAt, problem } from './problem-facts.js';

const MOST_BREAKERS = 20;
const MOST_SERVICES = 20;

export function fleetProblems(facts: ProblemFacts): readonly Problem[] {
  return [
    ...instances(facts),
    ...breakers(facts),
    ...registry(facts),
    ...retryBudget(facts),
    ...forced(facts),
  ];
}

function* instances({ fleet }: ProblemFacts): Generator<Problem> {
  const found = [...fleet.services].flatMap(([service, one]) => [...problemsOfService(service, one)]);
  yield* found.filter(({ severity }) => severity === 'critical').slice(0, MOST_SERVICES);
  yield* found.filter(({ severity }) => severity !== 'critical').slice(0, MOST_SERVICES);
}

function* problemsOfService(
  service: string,
  { states, instances: all, named }: ServiceFleet,
): Generator<Problem> {
  const { healthy = 0, ejected = 0, unhealthy = 0, starting = 0 } = states;
  // There may be thousands of services, most of which have no problem.
  if (all === healthy) return;
  const page = pageAt('service', { name: service });
  // Ejected ones are called when there is no other, so they count as a rest of the service.
  if (all > 0 && healthy + ejected === 0) {
    const isStarting = starting > 0;
    yield problem({
      id: `no-instance:${service}`,
      severity: 'critical',
      title: `No instance of ${service} is healthy`,
      detail: `Of ${counted(all, 'instance')}, ${Object.entries(states)
        .map(([state, count]) => `${count} ${state}`)
        .join(
          ', ',
        )}. ${isStarting ? 'It may still be starting.' : 'Calls to it fail or go to unhealthy instances.'}`,
      page,
    });
  } else if (unhealthy > 0)
    yield problem({
      id: `unhealthy:${service}`,
      severity: 'warning',
      title: `${unhealthy} of ${counted(all, 'instance')} of ${service} ${unhealthy === 1 ? 'fails its' : 'fail their'} health checks`,
      detail: `Calls go to the others. ${namesOf(unhealthy, named.unhealthy)}`,
      page,
    });
  if (ejected > 0)
    yield problem({
      id: `ejected:${service}`,
      severity: 'warning',
      title: `${ejected} of ${counted(all, 'instance')} of ${service} ${ejected === 1 ? 'is' : 'are'} ejected`,
      detail: `They fail where others do not, and are tried again when their time is over (EJECTION_MS). ${namesOf(ejected, named.ejected)}`,
      page,
    });
}

/** The ids of the first instances, which come from strangers. */
function namesOf(all: number, named: readonly string[] = []): string {
  const more = all - named.length;
  return `${named.join(', ')}${more > 0 ? ` and ${more} more` : ''}.`;
}

function* breakers(facts: ProblemFacts): Generator<Problem> {
  const open = facts.fleet.notable.filter(
    ({ breaker: { state } }) => state === 'open' || state === 'half-open',
  );
  for (const one of open.slice(0, MOST_BREAKERS)) yield openBreaker(one, facts);
  const more = facts.fleet.notableCount - MOST_BREAKERS;
  if (open.length > MOST_BREAKERS)
    yield problem({
      id: 'breaker-open',
      severity: 'warning',
      title: `About ${more} more breakers are open or forced`,
      detail: 'The page of breakers lists them.',
      page: '#/breakers',
    });
}

/** What happens to calls now. */
function callsOf(breaker: SeenBreaker['breaker']): string {
  if (breaker.state !== 'half-open') return 'Calls to it are refused at once.';
  const { permitted, taken, succeeded } = breaker;
  const next = `It closes when ${counted(permitted, 'call has', 'calls have')} succeeded`;
  if (taken === 0) return `${next}; none has been made since it admits them.`;
  return `${next}: ${taken} made, ${succeeded} succeeded. Further calls are refused meanwhile.`;
}

/** A half-open breaker that none calls refuses nothing, and stays as it is. */
const isIdle = (breaker: SeenBreaker['breaker']): boolean =>
  breaker.state === 'half-open' && breaker.taken === 0;

function openBreaker(
  { service, instance, breaker, tripped }: SeenBreaker,
  { traffic, clockMs, wallMs }: ProblemFacts,
): Problem {
  const calls = traffic.callsTo(service);
  const all = calls?.durations.count.recent ?? 0;
  const failed = `${calls?.errors.recent ?? 0} of ${counted(all, 'call')} to ${service}`;
  const why = tripped
    ? ` It has opened because ${tripped.failures} of ${counted(tripped.calls, 'call')} failed or were too slow.`
    : '';
  const seen = all === 0 ? '' : ` ${failed} in the last ${traffic.windowS} s failed.`;
  const next =
    breaker.state === 'open'
      ? ` It lets probes through in ${Math.ceil(Math.max(0, breaker.retryInMs) / 1000)} s.`
      : '';
  const since = breaker.state === 'open' ? openedAt(breaker.since, { clockMs, wallMs }) : null;
  return problem({
    id: `breaker-open:${service}:${instance}`,
    severity: isIdle(breaker) ? 'info' : 'warning',
    title: `The breaker of ${service} (${instance}) is ${breaker.state}`,
    detail: `${callsOf(breaker)}${why}${seen}${next}`,
    page: '#/breakers',
    since,
  });
}

function* registry({ registryOutage }: ProblemFacts): Generator<Problem> {
  if (registryOutage === undefined) return;
  yield problem({
    id: 'registry',
    severity: 'warning',
    title: 'The shared registry cannot be reached',
    detail: `The registry ${registryOutage}. The instances that were found before stay.`,
    page: '#/services',
  });
}

function* retryBudget({ traffic }: ProblemFacts): Generator<Problem> {
  for (const [service, { recent }] of traffic.counts('multilane_retry_budget_exhausted_total')) {
    if (recent === 0) continue;
    yield problem({
      id: `retry-budget:${service}`,
      severity: 'warning',
      title: `Calls to ${service} are not repeated any more`,
      detail: `${counted(recent, 'retry was', 'retries were')} not made in the last ${traffic.windowS} s, because the retry budget of the process is used up.`,
      page: '#/breakers',
    });
  }
}

function* forced({ fleet }: ProblemFacts): Generator<Problem> {
  const all = fleet.notable.filter(({ breaker: { state } }) => state.startsWith('forced-'));
  for (const { service, instance, breaker } of all.slice(0, MOST_BREAKERS)) {
    const to = breaker.state === 'forced-open' ? 'open' : 'closed';
    yield problem({
      id: `breaker-forced:${service}:${instance}`,
      severity: 'info',
      title: `An operator holds the breaker of ${service} (${instance}) ${to}`,
      detail:
        to === 'open' ? 'All calls to it are refused.' : 'It protects nothing until it is set to auto again.',
      page: '#/breakers',
    });
  }
}
