// Callers and instances of one service in virtual time. A story says how many there are, how much they call,
// and what happens to them.
import { Random } from '#bench/overload/random.js';
import { OwnAbort } from '#src/abort-source.js';
import { Deadline } from '#src/deadline.js';
import { DeadlineExceededError } from '#src/errors.js';
import type { Endpoint } from '#src/registry/endpoint.js';
import { runInScope } from '#src/scope.js';
import { NO_FIELDS } from '#src/upstream/call-request.js';
import { callService } from '#src/upstream/call-service.js';
import { Trace } from '../trace.js';
import { VirtualTime } from '../virtual-time.js';
import { CallLog, NEWS_MS } from './call-log.js';
import { CallingProcess } from './calling-process.js';
import type { Parts } from './parts.js';
import { AT_A_TIME, SERVICE_MS, Server } from './server.js';

export interface MeshOptions {
  readonly seed: number;
  readonly parts: Parts;
  readonly instances: number;
  /** Processes that call. @default 3 */
  readonly processes?: number;
  /** Threads of each process. @default 2 */
  readonly threads?: number;
  /** Calls, as a share of what all instances of the beginning can serve. */
  readonly load: number;
  /** @default 1000 */
  readonly timeoutMs?: number;
  /** Calls have one of this number of keys, for consistent hashing. @default no keys */
  readonly keys?: number;
  /** The share of all calls that have the first key. @default as many as any other key */
  readonly hotShare?: number;
}

const FIRST_PORT = 1_000;
const TRACE = { traceId: '0'.repeat(32), spanId: '0'.repeat(16), sampled: false, tracestate: undefined };
const NO_OPTIONS = {};

export class Mesh {
  readonly time = new VirtualTime();
  readonly trace = new Trace(this.time.clock);
  readonly servers: Server[] = [];
  readonly processes: readonly CallingProcess[];
  readonly log: CallLog;
  readonly options: MeshOptions;
  readonly random: Random;
  /** The present instances. */
  readonly members = new Set<Server>();
  #calls = 0;

  constructor(options: MeshOptions) {
    this.options = options;
    this.random = new Random(options.seed);
    this.log = new CallLog(this);
    const { processes = 3, threads = 2, parts } = options;
    this.processes = Array.from({ length: processes }, (_, n) => this.#process(`p${n}`, threads, parts));
    for (let n = 0; n < options.instances; n += 1) {
      const server = this.addServer();
      this.members.add(server);
      for (const process of this.processes) process.enter(server);
    }
  }

  /** An instance that no process knows yet. */
  addServer(): Server {
    const n = this.servers.length;
    const server = new Server(
      `i${String(n).padStart(4, '0')}`,
      FIRST_PORT + n,
      this.time,
      new Random(this.options.seed * 65_537 + n),
    );
    this.servers.push(server);
    return server;
  }

  /** An instance is announced. @param members as in a registration */
  enter(server: Server, members: object = {}): void {
    this.members.add(server);
    this.log.entered(server);
    for (const process of this.processes)
      this.time.schedule(this.random.next() * NEWS_MS, () => process.enter(server, members));
  }

  /** An instance ends, and all processes hear of it soon. */
  leave(server: Server): void {
    this.members.delete(server);
    server.mode = 'refusing';
    this.log.left(server);
    for (const { registry } of this.processes)
      this.time.schedule(this.random.next() * NEWS_MS, () => registry.unmirror('orders', server.id));
  }

  serverOf({ port }: Pick<Endpoint, 'port'>): Server {
    return this.servers[port - FIRST_PORT]!;
  }

  /** Calls arrive at all threads, from a time on. */
  begin(afterMs: number): void {
    const { instances, load } = this.options;
    const threads = this.processes.flatMap((process) =>
      process.threads.map((_, thread) => ({ process, thread })),
    );
    const betweenMs = ((SERVICE_MS / AT_A_TIME) * threads.length) / (instances * load);
    for (const { process, thread } of threads) {
      const arrive = (): void => {
        this.#call(process, thread);
        this.time.quietly(this.random.exponential(betweenMs), arrive);
      };
      this.time.quietly(afterMs + this.random.exponential(betweenMs), arrive);
    }
  }

  #process(name: string, threads: number, parts: Parts): CallingProcess {
    const process: CallingProcess = new CallingProcess({
      name,
      threads,
      time: this.time,
      random: () => this.random.next(),
      parts,
      serverOf: (endpoint) => this.serverOf(endpoint),
      observer: {
        attempt: (endpoint, _method, path, attempt) => {
          this.log.attempted(process, endpoint, path, attempt);
          return { trace: undefined, end: () => undefined };
        },
      },
      onEjection: (slot, change) => this.log.ejection(process, slot, change),
    });
    return process;
  }

  /** A call in a request that ends at its deadline, as handlers make them. */
  #call(process: CallingProcess, thread: number): void {
    const { timeoutMs = 1_000, keys, hotShare = 0 } = this.options;
    const { time, log } = this;
    const startedAt = time.now;
    const abortSource = new OwnAbort();
    const cancelLate = time.schedule(timeoutMs, () => abortSource.abort(new DeadlineExceededError()));
    const scope = {
      requestId: 'r',
      deadline: Deadline.allowed(startedAt, timeoutMs, timeoutMs),
      abortSource,
      get signal() {
        return abortSource.signal;
      },
      trace: TRACE,
      service: undefined,
    };
    this.#calls += 1;
    const path = `/${this.#calls}`;
    const key = keys === undefined ? undefined : this.#key(keys, hotShare);
    const hashKey = key === undefined ? {} : { hashKey: key };
    const request = { method: 'GET', path, headers: NO_FIELDS, body: undefined, ...hashKey };
    const ended = (isGood: boolean): void => {
      cancelLate();
      log.ended(process, path, time.now - startedAt, isGood);
    };
    const dependencies = process.threads[thread]!;
    log.began(process, path, key);
    runInScope(scope, () => callService(dependencies, 'orders', request, NO_OPTIONS)).then(
      ({ status }) => ended(status < 500),
      () => ended(false),
    );
  }

  #key(keys: number, hotShare: number): string {
    const isHot = this.random.next() < hotShare;
    return `k${isHot ? 0 : Math.floor(this.random.next() * keys)}`;
  }
}
