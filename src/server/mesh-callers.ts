// Recognizes requests of cooperating processes by `x-mesh-token` (see mesh-token.ts). The digest of a service
// is computed when the service is mounted. A request costs a comparison, and only if it carries the field.
//
// A right value is accepted whatever came before it from the same address, so guessing does not lock out
// processes that share the address; 256 bits need no lock against guessing. Only the effects of wrong values
// are bounded: one log line per minute in each worker, and a 429 in place of a 404 from the eleventh value
// per minute of an address on. Public routes serve the sender of a wrong value like any stranger, so two
// processes keep working while their secret is changed.
import { timingSafeEqual } from 'node:crypto';
import type { Logger } from 'pino';
import { HttpError } from '../errors.js';
import { MESH_TOKEN_HEADER, meshDigest } from '../mesh-token.js';
import { isAdmitted, type RateCells, secondsOf } from '../resilience/rate-limit.js';
import { networkOf } from './client-network.js';
import type { Exchange } from './exchange.js';
import type { RequestHead } from './request-head.js';
import type { RateLimits } from './route-rate-limits.js';

/**
 * The mounted service whose value the request carries; an error in place of a 404, after too many wrong
 * values from one address; undefined for a stranger.
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
  /** Time on the clock of `performance.now()` from which on the next wrong value is logged. */
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
    const value = tokenOf(exchange.head);
    if (value === undefined) return undefined;
    return this.#serviceOf(value) ?? this.#failed(exchange.remoteAddress());
  }

  /** Whether the request carries the value of this service. A wrong value is not counted. */
  isCallerOf(service: string | undefined, head: RequestHead): boolean {
    const value = tokenOf(head);
    return value !== undefined && service !== undefined && this.#serviceOf(value) === service;
  }

  /** The service whose value this is. */
  #serviceOf(value: string): string | undefined {
    const dot = value.indexOf('.');
    const service = value.slice(0, Math.max(0, dot));
    const digest = this.#digests.get(service);
    if (digest === undefined || value.length - dot - 1 !== HEX_DIGITS) return undefined;
    const given = Buffer.from(value.slice(dot + 1), 'hex');
    return given.length === digest.length && timingSafeEqual(given, digest) ? service : undefined;
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

function tokenOf({ headers }: RequestHead): string | undefined {
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i] === MESH_TOKEN_HEADER) return headers[i + 1];
  }
  return undefined;
}
