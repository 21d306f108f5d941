// Substitutes for the dependencies that a test has not passed. An error of a handler becomes a 500 without
// details; a missing dependency is a mistake of the test, so `inject` throws its error.
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Logger } from 'pino';
import { hasDatabase } from '../api/define-service.js';
import type { ServiceDefinition, ServiceDeps } from '../api/service-definition.js';

/** A service used a dependency that its test neither started nor passed. The message states what to pass. */
export class MissingDependencyError extends Error {
  override readonly name = 'MissingDependencyError';
  readonly service: string;
  /** `db`, `sagas` or `cpu`; `db.many` when the passed `db` has no such member. */
  readonly dependency: string;

  constructor(service: string, dependency: string, remedy: string) {
    super(`service "${service}" uses ${dependency}: ${remedy}`);
    this.service = service;
    this.dependency = dependency;
  }
}

/** One request of a test. All code that runs for the request finds this record by AsyncLocalStorage. */
interface TestRequest {
  /** The error of the latest missing dependency that it used. */
  fault: MissingDependencyError | undefined;
  isOver: boolean;
}

/**
 * Attributes every missing dependency to the request that used it, also when several requests run at once.
 */
export class MissingDependencies {
  readonly #requests = new AsyncLocalStorage<TestRequest>();
  readonly #log: Pick<Logger, 'error'>;

  /** @param log for uses outside of a request, or after its end */
  constructor(log: Pick<Logger, 'error'>) {
    this.#log = log;
  }

  /**
   * Sends a request. A service that used a missing dependency has failed or worked around it; in both cases
   * the test is wrong.
   * @throws MissingDependencyError of the latest use, whatever the response was
   */
  async watch<T>(send: () => Promise<T>): Promise<T> {
    const request: TestRequest = { fault: undefined, isOver: false };
    const [sent] = await Promise.allSettled([this.#requests.run(request, send)]);
    request.isOver = true;
    if (request.fault !== undefined) throw request.fault;
    if (sent.status === 'rejected') throw sent.reason;
    return sent.value;
  }

  /** A substitute for a dependency that is missing altogether: every use of it is an error. */
  substitute<T extends object>(service: string, dependency: string, remedy: string): T {
    return this.#refusing({} as T, (_member) => new MissingDependencyError(service, dependency, remedy));
  }

  /** Completes a dependency of which the test passed a part: using another member is an error. */
  complete<T extends object>(service: string, dependency: string, given: Partial<T>): T {
    return this.#refusing(given as T, (member) => {
      const remedy = `deps.${service}.${dependency} has no such member, give it one`;
      return new MissingDependencyError(service, `${dependency}.${member}`, remedy);
    });
  }

  /** @param faultOf makes the error for the use of a missing member */
  #refusing<T extends object>(given: T, faultOf: (member: string) => MissingDependencyError): T {
    return new Proxy(given, {
      get: (target, member) => {
        if (typeof member === 'symbol' || member in target) {
          const value: unknown = Reflect.get(target, member);
          // The method is bound to the target, since private members do not exist on the proxy.
          return typeof value === 'function' ? (value.bind(target) as unknown) : value;
        }
        // `await` reads `then` of every value, so reading it is not an error.
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
      this.#log.error(
        { err: fault },
        'a service used a dependency outside of a request that its test has not passed',
      );
    } else request.fault = fault;
  }

  /**
   * Makes substitutes for the dependencies that a service cannot have here. A database and sagas need a
   * server and a declaration of the service, and a CPU pool needs a declaration.
   */
  substitutes(service: ServiceDefinition, hasServer: boolean): Partial<ServiceDeps> {
    const { name, sagas = [], tasks } = service;
    const hasDeclared = hasDatabase(service);
    const startServer = 'pass databaseUrl (startPostgres() gives one)';
    const without = <T extends object>(dependency: string, remedy: string): T =>
      this.substitute(name, dependency, `${remedy}, or deps.${name}.${dependency}`);
    return {
      ...(!(hasServer && hasDeclared) && {
        db: without('db', hasDeclared ? startServer : 'declare migrations or sagas'),
      }),
      ...(!(hasServer && sagas.length > 0) && {
        sagas: without('sagas', sagas.length > 0 ? startServer : 'declare sagas'),
      }),
      ...(tasks === undefined && { cpu: without('cpu', 'declare a tasks module') }),
    };
  }
}
