// A bulkhead per service called: a slow one must not hold all requests of this process (option
// `maxConcurrent`).
import { UnavailableError } from '../errors.js';
import { Hold } from '../hold.js';
import type { Permits } from '../resilience/bulkhead-permits.js';
import { currentScope } from '../scope.js';
import type { Balancer } from './balancer.js';

/** Calls under way to one service, counted over all workers. */
export type CallPermitsOf = (service: string) => {
  readonly permits: Pick<Permits, 'enter' | 'leave'>;
  refused(): void;
};

class CallPermit extends Hold {
  readonly #permits: Pick<Permits, 'leave'>;

  constructor(permits: Pick<Permits, 'leave'>) {
    super();
    this.#permits = permits;
    this.take(currentScope()?.holds);
  }

  protected override onRelease(): void {
    this.#permits.leave();
  }
}

export interface MaxConcurrentDependencies {
  readonly balancer: Pick<Balancer, 'knows'>;
  readonly callPermitsOf: CallPermitsOf;
}

/**
 * A service without an instance has no places: its name may be anything that a client asks for, and `run`
 * fails at once.
 * @param most a whole number from 1 on
 * @throws UnavailableError OVERLOADED when so many calls are under way
 */
export async function withinMaxConcurrent<T>(
  { balancer, callPermitsOf }: MaxConcurrentDependencies,
  service: string,
  most: number,
  run: () => Promise<T>,
): Promise<T> {
  if (!balancer.knows(service)) return run();
  const places = callPermitsOf(service);
  const { permits } = places;
  if (!permits.enter(most)) {
    places.refused();
    throw new UnavailableError('OVERLOADED', `${most} calls of service ${service} are under way.`);
  }
  const place = new CallPermit(permits);
  try {
    return await run();
  } finally {
    place.release();
  }
}
