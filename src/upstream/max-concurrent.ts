// The option `maxConcurrent`: a bulkhead per called service, so that a slow service cannot hold all requests
// of this process.
import { counted } from '../counted.js';
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

interface CallTarget {
  readonly service: string;
  readonly protocol: Endpoint['protocol'] | undefined;
}

export interface MaxConcurrentDependencies {
  readonly balancer: Pick<Balancer, 'knows'>;
  readonly callPermitsOf: CallPermitsOf;
}

/**
 * Takes a permit for a call. A service without an instance takes no row of permits, because its name may come
 * from a client; such a call fails at once.
 * @param most a whole number from 1 on
 * @returns the permit, which has to be released when the call has ended; undefined: none is needed
 * @throws UnavailableError OVERLOADED when `most` calls are running
 */
export function takeCallPermit(
  { balancer, callPermitsOf }: MaxConcurrentDependencies,
  { service, protocol }: CallTarget,
  most: number,
): Hold | undefined {
  if (!balancer.knows(service, protocol)) return undefined;
  const limit = callPermitsOf(service);
  const { permits } = limit;
  if (permits.enter(most)) return new CallPermit(permits);
  limit.refused();
  throw new UnavailableError(
    'OVERLOADED',
    `${counted(most, `call of service ${service} is`, `calls of service ${service} are`)} running.`,
  );
}

/** Runs a call with a permit. @throws as `takeCallPermit` */
export async function withinMaxConcurrent<T>(
  dependencies: MaxConcurrentDependencies,
  target: CallTarget,
  most: number,
  run: () => Promise<T>,
): Promise<T> {
  const permit = takeCallPermit(dependencies, target, most);
  try {
    return await run();
  } finally {
    permit?.release();
  }
}
