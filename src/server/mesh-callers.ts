// Which cooperating process sends a request (`x-mesh-token`, see mesh-token.ts). The digests of the mounted
// services are computed when they are mounted; a request costs one comparison, and only when it carries the
// field.
//
// A right value is accepted whatever came before it from the same address, so guessing never locks out the
// processes that share that address; 256 bits need no lock against guessing. What is bounded is what wrong
// values cause: one log line a minute in each worker, and from the eleventh a minute of an address on a 429
// where a stranger would get a 404. Public routes serve the sender of a wrong value as any stranger: two
// processes keep working while their secret is changed.
import { timingSafeEqual } from 'node:crypto';
import type { Logger } from 'pino';
import { HttpError } from '../errors.js';
import { MESH_TOKEN_HEADER, meshDigest } from '../mesh-token.js';
import { isAdmitted, type RateCells, secondsOf } from '../resilience/rate-limit.js';
import type { Exchange } from './exchange.js';
import { networkOf, type RateLimits } from './route-rate-limits.js';

/**
 * The mounted service whose value the request carries; the refusal of what strangers may not see, after too
 * many wrong values from one address; undefined for a stranger.
 */
export type MeshCaller = string | HttpError | undefined;

const MINUTE_MS = 60_000;
const FAILURES_A_MINUTE = 10;
const HEX_DIGITS = 64;

export class MeshCallers {
  readonly #secret: string;
  readonly #digests = new Map<string, Buffer>();
  readonly #failures: RateCells;
  readonly #log: Pick<Logger, 'warn'>;
  /** The `performance.now()` from which on the next wrong value is logged. */
  #logFrom = 0;

  constructor(secret: string, limits: RateLimits, log: Pick<Logger, 'warn'>) {
    this.#secret = secret;
    this.#failures = limits.limit('mesh token', MINUTE_MS / FAILURES_A_MINUTE, FAILURES_A_MINUTE);
    this.#log = log;
  }

  /** Accepts the value of this service from now on. */
  accept(service: string): void {
    this.#digests.set(service, meshDigest(this.#secret, service));
  }

  callerOf(exchange: Exchange): MeshCaller {
    const { headers } = exchange.head;
    for (let i = 0; i < headers.length; i += 2) {
      if (headers[i] === MESH_TOKEN_HEADER) return this.#judge(headers[i + 1]!, exchange);
    }
    return undefined;
  }

  #judge(value: string, exchange: Exchange): MeshCaller {
    const dot = value.indexOf('.');
    const service = value.slice(0, Math.max(0, dot));
    const digest = this.#digests.get(service);
    if (digest !== undefined && value.length - dot - 1 === HEX_DIGITS) {
      const given = Buffer.from(value.slice(dot + 1), 'hex');
      if (given.length === digest.length && timingSafeEqual(given, digest)) return service;
    }
    return this.#failed(exchange.remoteAddress());
  }

  #failed(address: string): HttpError | undefined {
    const verdict = this.#failures.take(networkOf(address));
    if (isAdmitted(verdict)) {
      this.#report(address);
      return undefined;
    }
    return new HttpError('RATE_LIMITED', `Too many wrong values of ${MESH_TOKEN_HEADER}; try again later.`, {
      headers: { 'retry-after': String(secondsOf(verdict)) },
    });
  }

  #report(address: string): void {
    const now = performance.now();
    if (now < this.#logFrom) return;
    this.#logFrom = now + MINUTE_MS;
    this.#log.warn(
      { address },
      `a request carried a wrong ${MESH_TOKEN_HEADER} and is served as a stranger's: ` +
        'do all cooperating processes have the same MESH_TOKEN?',
    );
  }
}
