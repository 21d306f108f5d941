// The option `maxConcurrent`: a bulkhead per called service, so that a slow service cannot hold all requests
// of this process.
import { UnavailableError } from '../errors.js';
import { Hold } from '../hold.js';
import type { Endpoint } from '../registry/endpoint.js';
import type { Permits } from '../resilience/bulkhead-permits.js';
import { currentScope } from '../scope.js';
import type { Balancer } from './balancer.js';

/** The permits for calls of one service, counted over all workers. */
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
 * Runs a call with a permit. A service without an instance takes no row of permits, because its name may come
 * from a client; `run` fails at once.
 * @param most a whole number from 1 on
 * @throws UnavailableError OVERLOADED when `most` calls are running
 */
export async function withinMaxConcurrent<T>(
  { balancer, callPermitsOf }: MaxConcurrentDependencies,
  { service, protocol }: { readonly service: string; readonly protocol: Endpoint['protocol'] | undefined },
  most: number,
  run: () => Promise<T>,
): Promise<T> {
  if (!balancer.knows(service, protocol)) return run();
  const limit = callPermitsOf(service);
  const { permits } = limit;
  if (!permits.enter(most)) {
    limit.refused();
    throw new UnavailableError('OVERLOADED', `${most} calls of service ${service} are running.`);
  }
  const permit = new CallPermit(permits);
  try {
    return await run();
  } finally {
    permit.release();
  }
}
