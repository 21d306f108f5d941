// Cookies (RFC 6265bis). What is set is safe unless it says otherwise: out of reach of scripts, over TLS
// only, not sent along with the posts of other sites.
import { parseCookie, type SerializeOptions, stringifySetCookie } from 'cookie';
import { ANYTHING, checkOptions, oneOf, SWITCH, shapeOf, TEXT, typeErrorFor } from '../../options.js';
import { kindOf } from '../value-kind.js';

/** Browsers drop a longer one without a word. */
const MAX_BYTES = 4096;

export interface CookieOptions {
  /** Seconds; 0 removes the cookie. Without it and `expires` it lives as long as the browser. */
  readonly maxAge?: number;
  readonly expires?: Date;
  /** With its subdomains. Default: the host that answers, alone. */
  readonly domain?: string;
  /** Default `/`. */
  readonly path?: string;
  /** Default true: scripts cannot read it. */
  readonly httpOnly?: boolean;
  /** Default true: over TLS (and to localhost) only. */
  readonly secure?: boolean;
  /** Default `lax`. */
  readonly sameSite?: 'strict' | 'lax' | 'none';
  /** One per site that embeds us (CHIPS). */
  readonly partitioned?: boolean;
}

const OPTIONS = shapeOf<CookieOptions>('{ maxAge: 3600 }', {
  maxAge: ANYTHING,
  expires: ANYTHING,
  domain: TEXT,
  path: TEXT,
  httpOnly: SWITCH,
  secure: SWITCH,
  sameSite: oneOf('strict', 'lax', 'none'),
  partitioned: SWITCH,
});

export function readCookies(fields: readonly string[]): Readonly<Record<string, string | undefined>> {
  return parseCookie(fields.join('; '));
}

/**
 * @returns the value of a `Set-Cookie` field
 * @throws TypeError for what a browser would not accept, or not as it is meant
 */
export function setCookie(name: string, value: string, options: CookieOptions): string {
  const bad = typeErrorFor(`cookie ${name}`);
  checkOptions(options, OPTIONS, bad);
  const {
    secure = true,
    path = '/',
    httpOnly = true,
    sameSite = 'lax',
    domain,
    partitioned = false,
  } = options;
  if (typeof value !== 'string') throw bad(`its value must be a string, not ${kindOf(value)}`);
  const prefix = /^__(?:Host|Secure)-/i.exec(name)?.[0].toLowerCase();
  if (!secure) {
    if (prefix !== undefined) throw bad(`a name with ${prefix} must be secure`);
    if (sameSite === 'none') throw bad('sameSite "none" must be secure');
    if (partitioned) throw bad('a partitioned one must be secure');
  }
  if (prefix === '__host-' && (path !== '/' || domain !== undefined)) {
    throw bad('a name with __Host- has the path "/" and no domain');
  }
  const text = stringifySetCookie(name, value, {
    ...(options as SerializeOptions),
    secure,
    path,
    httpOnly,
    sameSite,
    partitioned,
  });
  if (Buffer.byteLength(text) > MAX_BYTES) throw bad(`it is longer than ${MAX_BYTES} bytes`);
  return text;
}
