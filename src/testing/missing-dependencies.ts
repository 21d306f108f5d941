// What a test has not given. A handler's own error becomes a 500 that says nothing; this one is the test's,
// so it comes out of `inject` as it is.
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Logger } from 'pino';
import { hasDatabase } from '../api/define-service.js';
import type { ServiceDefinition, ServiceDeps } from '../api/service-definition.js';

/** A service has used what its test neither started nor gave. The message says what to pass. */
export class MissingDependencyError extends Error {
  override readonly name = 'MissingDependencyError';
  readonly service: string;
  /** `db`, `sagas` or `cpu`; `db.many` where what was given has no such member. */
  readonly dependency: string;

  constructor(service: string, dependency: string, remedy: string) {
    super(`service "${service}" uses ${dependency}: ${remedy}`);
    this.service = service;
    this.dependency = dependency;
  }
}

/** One request of a test, with everything that runs on its behalf. */
interface TestRequest {
  /** The latest of what it has used and was not given. */
  fault: MissingDependencyError | undefined;
  isOver: boolean;
}

/** Attributes each of them to the request that met it, also when several are under way. */
export class Missing {
  readonly #requests = new AsyncLocalStorage<TestRequest>();
  readonly #log: Pick<Logger, 'error'>;

  /** @param log for what is met outside of a request, or when its request is over */
  constructor(log: Pick<Logger, 'error'>) {
    this.#log = log;
  }

  /**
   * Sends a request. A service that met what is missing has failed, or made the best of it: either way the
   * test is wrong.
   * @throws MissingDependencyError the latest that the request has met, whatever came of it otherwise
   */
  async watch<T>(send: () => Promise<T>): Promise<T> {
    const request: TestRequest = { fault: undefined, isOver: false };
    const [sent] = await Promise.allSettled([this.#requests.run(request, send)]);
    request.isOver = true;
    if (request.fault !== undefined) throw request.fault;
    if (sent.status === 'rejected') throw sent.reason;
    return sent.value;
  }

  /** Stands for what is not there at all: every use of it is an error. */
  all<T extends object>(service: string, dependency: string, remedy: string): T {
    return this.#refusing({} as T, (_member) => new MissingDependencyError(service, dependency, remedy));
  }

  /** What a test gives may be a part of it; using the rest is an error. */
  rest<T extends object>(service: string, dependency: string, given: Partial<T>): T {
    return this.#refusing(given as T, (member) => {
      const remedy = `deps.${service}.${dependency} has no such member, give it one`;
      return new MissingDependencyError(service, `${dependency}.${member}`, remedy);
    });
  }

  /** @param faultOf the error of using a member that is not there */
  #refusing<T extends object>(given: T, faultOf: (member: string) => MissingDependencyError): T {
    return new Proxy(given, {
      get: (target, member) => {
        if (typeof member === 'symbol' || member in target) {
          const value: unknown = Reflect.get(target, member);
          // Not on the proxy: private members are the target's.
          return typeof value === 'function' ? (value.bind(target) as unknown) : value;
        }
        // Asked by `await` of any value.
        if (member === 'then') return undefined;
        const fault = faultOf(member);
        this.#note(fault);
        throw fault;
      },
    });
  }

  #note(fault: MissingDependencyError): void {
    const request = this.#requests.getStore();
    if (request === undefined || request.isOver) {
      this.#log.error({ err: fault }, 'a service uses, outside of a request, what its test has not given');
    } else request.fault = fault;
  }

  /**
   * What a service is given when there is no server for databases, or it has declared no use for one, or for
   * a pool.
   */
  substitutes(service: ServiceDefinition, hasServer: boolean): Partial<ServiceDeps> {
    const { name, sagas = [], tasks } = service;
    const hasDeclared = hasDatabase(service);
    const start = 'pass databaseUrl (startPostgres() gives one)';
    const without = <T extends object>(dependency: string, remedy: string): T =>
      this.all(name, dependency, `${remedy}, or deps.${name}.${dependency}`);
    return {
      ...(!(hasServer && hasDeclared) && {
        db: without('db', hasDeclared ? start : 'declare migrations or sagas'),
      }),
      ...(!(hasServer && sagas.length > 0) && {
        sagas: without('sagas', sagas.length > 0 ? start : 'declare sagas'),
      }),
      ...(tasks === undefined && { cpu: without('cpu', 'declare a tasks module') }),
    };
  }
}
