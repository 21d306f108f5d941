// The header fields of responses that the runtime writes itself, as components of the document.
import type { RouteInfo } from '../handler.js';

type Json = Readonly<Record<string, unknown>>;

const text = (description: string, example: string): Json => ({
  description,
  schema: { type: 'string', examples: [example] },
});

export const HEADERS = {
  'x-request-id': text(
    'The id of the request, also in logs: that of the client if it sent a harmless one.',
    '4f1d2c3b5a69-00',
  ),
  'retry-after': {
    description: 'Seconds after which a retry may succeed.',
    schema: { type: 'integer', minimum: 0, examples: [1] },
  },
  'ratelimit-policy': text('The limits that apply, and their windows in seconds.', '"default";q=100;w=60'),
  ratelimit: text('What is left of each limit, and the seconds until it grows.', '"default";r=99;t=1'),
  'www-authenticate': text('How the client has to authenticate (RFC 9110 section 11.6.1).', 'Bearer'),
} as const satisfies Record<string, Json>;

export type HeaderName = keyof typeof HEADERS;

export const headerRef = (name: HeaderName): Json => ({ $ref: `#/components/headers/${name}` });

const refs = (names: readonly HeaderName[]): Json =>
  Object.fromEntries(names.map((name) => [name, headerRef(name)]));

/** Whether a limit applies to the route. @param limited whether RATE_LIMIT is set */
export const isRateLimited = ({ options, unlimited }: RouteInfo, limited: boolean): boolean =>
  options.rateLimit === undefined ? limited && unlimited !== true : options.rateLimit !== 'off';

/** The fields of a successful response. */
export const commonHeaders = (limited: boolean): Json =>
  limited ? refs(['x-request-id', 'ratelimit-policy', 'ratelimit']) : refs(['x-request-id']);

/** The fields of a problem document. */
export function headersOf(status: number, codes: readonly string[]): Json {
  const names: HeaderName[] = ['x-request-id'];
  if (status === 503 || status === 429 || codes.includes('IDEMPOTENCY_IN_PROGRESS'))
    names.push('retry-after');
  if (status === 429) names.push('ratelimit-policy', 'ratelimit');
  if (status === 401) names.push('www-authenticate');
  return refs(names);
}
