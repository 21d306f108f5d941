// An instance of a service as its callers meet it: it serves a few requests at a time, the others wait in
// order. It may be slow, or broken in one of several ways.
import type { Random } from '#bench/overload/random.js';
import type { AbortListener, AbortSource } from '#src/abort-source.js';
import { HttpError, LOAD_FIELD } from '#src/errors.js';
import { smoothed } from '#src/memory/smoothing.js';
import type { Endpoint } from '#src/registry/endpoint.js';
import { receive } from '#src/upstream/buffered-response.js';
import type { OutgoingRequest, Received } from '#src/upstream/transport.js';
import { UnreachedError } from '#src/upstream/transport-errors.js';
import type { VirtualTime } from '../virtual-time.js';

/**
 * `hung`: it admits requests and never responds. `resetting`: it breaks connections. `refusing`: nothing
 * listens. `failing`: it responds with 503 after its work. `overloaded`: it rejects all requests at once.
 */
export type Mode = 'well' | 'hung' | 'resetting' | 'refusing' | 'failing' | 'overloaded';

/** Requests that an instance serves at the same time. */
export const AT_A_TIME = 4;
/** Mean duration of a request, without waiting. */
export const SERVICE_MS = 20;
/** Standard deviation of the logarithm of the duration: one in a hundred takes six times the mean. */
const SIGMA = 1;
const MEDIAN_MS = SERVICE_MS / Math.exp(SIGMA ** 2 / 2);
/** One way through the network: at least this, and as much again at most. */
const LEAST_LATENCY_MS = 0.2;

/** As src/memory/served-load.ts has it. */
const SMOOTHING = 1 / 16;

const FAILED = receive(503, {}, '');
const problem = { 'content-type': 'application/problem+json', 'x-multilane-executed': 'false' };
const REJECTED = receive(503, problem, '{"code":"OVERLOADED","executed":false}');

export class Server {
  mode: Mode = 'well';
  /** Factor of the duration of its requests. */
  slowness = 1;
  readonly #time: VirtualTime;
  readonly #random: Random;
  readonly #waiting: Arrival[] = [];
  #running = 0;
  #hung = 0;
  #latencyMs = 0;
  #respondedAt = 0;

  constructor(
    readonly id: string,
    readonly port: number,
    time: VirtualTime,
    random: Random,
  ) {
    this.#time = time;
    this.#random = random;
  }

  /** Requests that are here now. */
  get load(): number {
    return this.#running + this.#waiting.length + this.#hung;
  }

  latencyMs(): number {
    return LEAST_LATENCY_MS * (1 + this.#random.next());
  }

  receive(arrival: Arrival): void {
    if (this.mode === 'refusing') arrival.fail(new UnreachedError('connection refused'));
    else if (this.mode === 'resetting') arrival.fail(new HttpError('BAD_UPSTREAM', 'connection reset'));
    else if (this.mode === 'overloaded') arrival.respond(REJECTED);
    else if (this.mode === 'hung') this.#hang(arrival);
    else if (this.#running < AT_A_TIME) this.#serve(arrival);
    else this.#waiting.push(arrival);
  }

  /** A response that reports the load. */
  #response(since: number): Received {
    const { now } = this.#time;
    const took = now - since;
    const last = this.#latencyMs === 0 ? took : this.#latencyMs;
    this.#latencyMs = smoothed(last, took, SMOOTHING, now - this.#respondedAt);
    this.#respondedAt = now;
    return receive(200, { [LOAD_FIELD]: `${this.load};us=${Math.round(this.#latencyMs * 1_000)}` }, '');
  }

  #hang(arrival: Arrival): void {
    this.#hung += 1;
    arrival.onLeave = () => {
      this.#hung -= 1;
    };
  }

  #serve(arrival: Arrival): void {
    this.#running += 1;
    this.#time.quietly(this.#random.lognormal(MEDIAN_MS, SIGMA) * this.slowness, () => {
      this.#running -= 1;
      arrival.respond(this.mode === 'failing' ? FAILED : this.#response(arrival.since));
      let next = this.#waiting.shift();
      while (next?.hasLeft === true) next = this.#waiting.shift();
      if (next !== undefined) this.#serve(next);
    });
  }
}

interface Ends {
  readonly resolve: (value: Received) => void;
  readonly reject: (reason: unknown) => void;
}

/** A request on its way, at an instance, or on its way back. */
class Arrival implements AbortListener {
  older: AbortListener | undefined;
  newer: AbortListener | undefined;
  hasLeft = false;
  onLeave: () => void = () => undefined;
  /** When it has arrived. */
  since = 0;

  readonly #time: VirtualTime;
  readonly #server: Server;
  readonly #abort: AbortSource;
  readonly #ends: Ends;

  constructor(time: VirtualTime, server: Server, abort: AbortSource, ends: Ends) {
    this.#time = time;
    this.#server = server;
    this.#abort = abort;
    this.#ends = ends;
    abort.listen(this);
    time.quietly(server.latencyMs(), () => {
      this.since = time.now;
      if (!this.hasLeft) server.receive(this);
    });
  }

  onAbort(reason: unknown): void {
    this.hasLeft = true;
    this.onLeave();
    this.#ends.reject(reason);
  }

  respond(value: Received): void {
    this.#end(() => this.#ends.resolve(value));
  }

  fail(error: Error): void {
    this.#end(() => this.#ends.reject(error));
  }

  #end(end: () => void): void {
    this.#time.schedule(this.#server.latencyMs(), () => {
      if (this.hasLeft) return;
      this.hasLeft = true;
      this.#abort.unlisten(this);
      end();
    });
  }
}

/** A transport to simulated instances. @param serverOf the instance at an address */
export const simulatedTransport = (time: VirtualTime, serverOf: (endpoint: Endpoint) => Server) => ({
  send: (endpoint: Endpoint, { abort }: OutgoingRequest): Promise<Received> =>
    new Promise((resolve, reject) => new Arrival(time, serverOf(endpoint), abort!, { resolve, reject })),
  close: async (): Promise<void> => undefined,
});
