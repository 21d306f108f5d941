// Reads and sets cookies (RFC 6265bis). The defaults are safe: scripts cannot read a cookie, it is sent over
// TLS only, and not with the POST requests of other web sites.
import { types } from 'node:util';
import { parseCookie, type SerializeOptions, stringifySetCookie } from 'cookie';
import { checkOptions, describeValue, oneOf, SWITCH, shapeOf, typeErrorFor } from '../../options.js';
import { kindOf } from '../value-kind.js';

/** Browsers drop a longer cookie without any error. */
const MAX_BYTES = 4096;
/** Printable characters but `;` and `=`. */
const NAME = /^[!-:<>-~]+$/;
const DOMAIN = /^\.?[0-9A-Za-z](?:[0-9A-Za-z.-]*[0-9A-Za-z])?$/;
/** Printable characters but the semicolon. */
const PATH = /^[\x20-\x3a\x3c-\x7e]*$/;

/** The attributes of a cookie. */
export interface CookieOptions {
  /** Seconds; 0 removes the cookie. Without `maxAge` and `expires` the cookie ends with the browser. */
  readonly maxAge?: number;
  /** The time at which the cookie ends; `maxAge` wins over it. */
  readonly expires?: Date;
  /**
   * The domain that the cookie is sent to, with its subdomains.
   * @default the host of the request alone
   */
  readonly domain?: string;
  /** @default `/` */
  readonly path?: string;
  /**
   * Scripts cannot read the cookie.
   * @default true
   */
  readonly httpOnly?: boolean;
  /**
   * The cookie is sent over TLS, and to localhost, only.
   * @default true
   */
  readonly secure?: boolean;
  /**
   * Whether requests of other web sites carry the cookie.
   * @default `lax`
   */
  readonly sameSite?: 'strict' | 'lax' | 'none';
  /**
   * Each web site that embeds the page has a cookie of its own (CHIPS).
   * @default false
   */
  readonly partitioned?: boolean;
}

const OPTIONS = shapeOf<CookieOptions>('{ maxAge: 3600 }', {
  maxAge: { text: 'a whole number of seconds', is: Number.isSafeInteger },
  expires: { text: 'a valid Date', is: (value) => types.isDate(value) && !Number.isNaN(value.getTime()) },
  domain: {
    text: 'a host name such as example.org',
    is: (value) => typeof value === 'string' && DOMAIN.test(value),
  },
  path: { text: 'a path without a semicolon', is: (value) => typeof value === 'string' && PATH.test(value) },
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
 * @throws TypeError for a cookie that a browser would drop, or would treat differently than it is meant
 */
export function setCookie(name: string, value: string, options: CookieOptions): string {
  if (typeof name !== 'string' || !NAME.test(name)) {
    throw new TypeError(`the name of a cookie must have no space, ";" or "=", not be ${describeValue(name)}`);
  }
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
    if (partitioned) throw bad('a partitioned cookie must be secure');
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
