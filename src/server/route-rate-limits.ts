// The rate limits of a route, and the keys by which they tell clients apart.
import { HttpError } from '../errors.js';
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
}

/** One limit of a route. */
export interface RateCheck {
  readonly limit: RateLimit;
  readonly keyOf: (ctx: Context) => string;
}

type Limit = Exclude<RateLimitOption, string>;
type KeyOption = NonNullable<Limit['key']>;

const KEY: OptionKind = {
  text: '"address", "global", { header } or a function',
  is: (key) =>
    key === 'address' || key === 'global' || typeof key === 'function' || headerOf(key) !== undefined,
};
const LIMIT = shapeOf<Limit>("{ limit: '100/minute' }", { limit: RATE, key: KEY }, ['limit']);
const fault = typeErrorFor('rateLimit');

/** The limit of the setting RATE_LIMIT, per client address, which all routes share. */
export function globalCheck(rate: Rate | null, limits: RateLimits): RateCheck | undefined {
  return rate === null ? undefined : checkOf('default', 'default', rate, addressKey, limits);
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
  const { limit, key = 'address' } = checkedLimit(option);
  const rate = parseRate(limit)!;
  const isChosen = key !== 'address' && key !== 'global';
  const own = checkOf('route', `route ${identity}`, rate, keyFunction(key), limits);
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
  if (peeked < 0) {
    announce(ctx, second.limit.policyItem, second.limit.item(peeked));
    return refusal(peeked);
  }
  const { limit } = first;
  const verdict = limit.take(first.keyOf(ctx as Context));
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

function checkOf(
  name: string,
  identity: string,
  rate: Rate,
  keyOf: RateCheck['keyOf'],
  limits: RateLimits,
): RateCheck {
  const { count, periodMs, burst } = rate;
  const limit = new RateLimit(name, rate, limits.limit(identity, periodMs / count, burst));
  return { limit, keyOf };
}

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
