// The rate limits of a route, and the keys by which they tell clients apart.
import { HttpError, UnavailableError } from '../errors.js';
import { NO_SHARE } from '../memory/rate/cluster-rates.js';
import { checkOptions, describeValue, type OptionKind, shapeOf, typeErrorFor } from '../options.js';
import { parseRate, RATE, type Rate } from '../rate.js';
import {
  isAdmitted,
  type RateCells,
  RateLimit,
  type RateVerdict,
  secondsOf,
} from '../resilience/rate-limit.js';
import { networkOf } from './client-network.js';
import type { Context, RateLimitOption, RouteOptions } from './handler.js';

/** The table of limits. Limits of the same identity are one limit for all workers. */
export interface RateLimits {
  limit(identity: string, intervalMs: number, burst: number): RateCells;
  /**
   * The same over all processes that share the registry; undefined without one that allows it. `take` and
   * `peek` return NO_SHARE as long as this process has no share.
   */
  readonly clusterLimit?: RateLimits['limit'];
}

/** One limit of a route. */
export interface RateCheck {
  readonly limit: RateLimit;
  readonly keyOf: (ctx: Context) => string;
}

type Limit = Exclude<RateLimitOption, string>;
type KeyOption = NonNullable<Limit['key']>;
type Scope = NonNullable<Limit['scope']>;

const KEY: OptionKind = {
  text: '"address", "global", { header } or a function',
  is: (key) =>
    key === 'address' || key === 'global' || typeof key === 'function' || headerOf(key) !== undefined,
};
/** The scope of a limit. */
export const RATE_SCOPE: OptionKind = {
  text: '"process" or "cluster"',
  is: (scope) => scope === 'process' || scope === 'cluster',
};
const LIMIT = shapeOf<Limit>("{ limit: '100/minute' }", { limit: RATE, key: KEY, scope: RATE_SCOPE }, [
  'limit',
]);
const fault = typeErrorFor('rateLimit');

/** The limit of the settings RATE_LIMIT and RATE_LIMIT_SCOPE, per client address, which all routes share. */
export function globalCheck(
  { rateLimit: rate, rateLimitScope: scope }: { rateLimit: Rate | null; rateLimitScope: Scope },
  limits: RateLimits,
): RateCheck | undefined {
  if (rate === null) return undefined;
  return {
    limit: new RateLimit('default', rate, cellsOf(limits, scope, 'default', rate)),
    keyOf: addressKey,
  };
}

/**
 * The limits of a route, two at most, in the order in which they are charged. A limit whose keys a client may
 * choose (a header field, a function of the request) comes last: each of its keys takes a row of the shared
 * table, and a client must not fill it with random keys beyond the limit of its address.
 * @param identity names the route among all of the process
 */
export function checksOf(
  option: RouteOptions['rateLimit'],
  identity: string,
  common: RateCheck | undefined,
  limits: RateLimits,
): readonly RateCheck[] {
  if (option === 'off') return [];
  const shared = common === undefined ? [] : [common];
  if (option === undefined) return shared;
  const { limit, key = 'address', scope = 'process' } = checkedLimit(option);
  const rate = parseRate(limit)!;
  const isChosen = key !== 'address' && key !== 'global';
  const cells = cellsOf(limits, scope, `route ${identity}`, rate);
  const own = { limit: new RateLimit('route', rate, cells), keyOf: keyFunction(key) };
  return isChosen ? [...shared, own] : [own, ...shared];
}

/** @throws TypeError */
function checkedLimit(option: RateLimitOption): Limit {
  const given: unknown = typeof option === 'string' ? { limit: option } : option;
  if (typeof given !== 'object' || given === null) {
    throw new TypeError(
      `rateLimit must be "off", a limit such as "100/minute", or { limit, key }, not ${describeValue(given)}`,
    );
  }
  checkOptions(given, LIMIT, fault);
  return given as Limit;
}

/**
 * Charges a request to all limits of its route. A limit is not charged for what another one refuses, so the
 * second is peeked at before the first is charged; a peek takes no row of shared memory. Between peeking and
 * charging another request can take the last admission of the key: then the first limit was charged for a
 * refusal, which makes it too strict by one, never too lax.
 * @returns the refusal, undefined when all admit it
 * @throws what a key function throws
 */
export function chargeRates(
  checks: readonly RateCheck[],
  ctx: Omit<Context, 'body' | 'input'>,
): HttpError | undefined {
  const first = checks[0];
  const second = checks[1];
  if (first === undefined) return undefined;
  if (second === undefined) return charge(first, first.keyOf(ctx as Context), ctx, '', '');
  const secondKey = second.keyOf(ctx as Context);
  const peeked = second.limit.peek(secondKey);
  if (peeked === NO_SHARE) return starting();
  if (!isAdmitted(peeked)) {
    announce(ctx, second.limit.policyItem, second.limit.item(peeked));
    return refusal(peeked);
  }
  const { limit } = first;
  const verdict = limit.take(first.keyOf(ctx as Context));
  if (verdict === NO_SHARE) return starting();
  const item = limit.item(verdict);
  if (isAdmitted(verdict)) return charge(second, secondKey, ctx, `${limit.policyItem}, `, `${item}, `);
  announce(ctx, limit.policyItem, item);
  return refusal(verdict);
}

/** Charges the last limit, and announces what is left of it after what is left of the limit before it. */
function charge(
  { limit }: RateCheck,
  key: string,
  ctx: Pick<Context, 'header'>,
  policies: string,
  items: string,
): HttpError | undefined {
  const verdict = limit.take(key);
  if (verdict === NO_SHARE) return starting();
  announce(ctx, policies + limit.policyItem, items + limit.item(verdict));
  return isAdmitted(verdict) ? undefined : refusal(verdict);
}

function announce(ctx: Pick<Context, 'header'>, policies: string, items: string): void {
  ctx.header('ratelimit-policy', policies, ALWAYS);
  ctx.header('ratelimit', items, ALWAYS);
}

/** The fields stay on problem documents. */
const ALWAYS = { always: true };

function refusal(verdict: RateVerdict): HttpError {
  const headers = { 'retry-after': String(secondsOf(verdict)) };
  return new HttpError('RATE_LIMITED', 'Too many requests; come back later.', { headers });
}

/** This process has no share of a limit over several processes, so it may not even refuse in its name. */
const starting = (): HttpError =>
  new UnavailableError('STARTING', 'The process has no share of the rate limit yet.');

/** @throws TypeError for a scope that the registry does not allow */
export function cellsOf(limits: RateLimits, scope: Scope, identity: string, rate: Rate): RateCells {
  const intervalMs = rate.periodMs / rate.count;
  if (scope === 'process') return limits.limit(identity, intervalMs, rate.burst);
  if (limits.clusterLimit === undefined) throw new TypeError(CLUSTER_NEEDS);
  return limits.clusterLimit(identity, intervalMs, rate.burst);
}

const CLUSTER_NEEDS =
  'the scope "cluster" of a rate limit needs a registry through which processes agree on their shares: REGISTRY must be a postgres:// or etcd:// URL';

function keyFunction(key: KeyOption): RateCheck['keyOf'] {
  if (key === 'address') return addressKey;
  if (key === 'global') return () => '';
  if (typeof key === 'function') {
    return (ctx) => {
      const value: unknown = key(ctx);
      if (typeof value !== 'string') throw new TypeError('the key of a rate limit must be a string');
      return value;
    };
  }
  const header = headerOf(key)!.toLowerCase();
  // Without the field the key is the address, because omitting the field must not evade the limit. The "="
  // keeps values apart from addresses.
  return (ctx) => {
    const value = ctx.headers.get(header);
    return value === undefined ? addressKey(ctx) : `=${value}`;
  };
}

/** The name of the header field of a key; undefined for a key of another kind. */
function headerOf(key: unknown): string | undefined {
  if (typeof key !== 'object' || key === null) return undefined;
  const { header, ...others } = key as { readonly header?: unknown };
  return typeof header === 'string' && header !== '' && Object.keys(others).length === 0 ? header : undefined;
}

const addressKey = (ctx: Context): string => networkOf(ctx.ip);
