// Header fields that restrict what browsers do with a response. They stay on problem documents; a handler may
// set other values for its own responses.
import { checkOptions, type OptionKind, shapeOf, typeErrorFor } from '../../options.js';
import type { Context } from '../handler.js';
import { alsoOnRefusals } from '../refusal-fields.js';

/** The options of `securityHeaders`. `false` omits a field. */
export interface SecurityHeadersOptions {
  /**
   * `Content-Security-Policy`. The default fits every response that is not a page.
   * @default nothing may be loaded, and no page may frame the response
   */
  readonly contentSecurityPolicy?: string | false;
  /**
   * Seconds for which browsers use only TLS for this host; they ignore the field over plain HTTP.
   * @default 180 days
   */
  readonly hstsSeconds?: number | false;
  /** @default `no-referrer` */
  readonly referrerPolicy?: string | false;
  /**
   * The pages that may load our responses.
   * @default `same-origin`
   */
  readonly crossOriginResourcePolicy?: 'same-origin' | 'same-site' | 'cross-origin' | false;
}

const FIELD: OptionKind = {
  text: 'a string, or false to omit it',
  is: (value) => typeof value === 'string' || value === false,
};
const OPTIONS = shapeOf<SecurityHeadersOptions>("{ referrerPolicy: 'same-origin' }", {
  contentSecurityPolicy: FIELD,
  hstsSeconds: {
    text: 'a number of seconds, or false to omit it',
    is: (value) => value === false || (Number.isFinite(value) && (value as number) >= 0),
  },
  referrerPolicy: FIELD,
  crossOriginResourcePolicy: FIELD,
});

const POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
const HALF_A_YEAR = 180 * 24 * 60 * 60;
const ALWAYS = { always: true };

/**
 * An `onRequest` hook whose headers are also added to early refusals.
 * @throws TypeError for unknown options and values of another type
 */
export function securityHeaders(options: SecurityHeadersOptions = {}): (ctx: Context) => void {
  checkOptions(options, OPTIONS, typeErrorFor('securityHeaders'));
  const {
    contentSecurityPolicy = POLICY,
    hstsSeconds = HALF_A_YEAR,
    referrerPolicy = 'no-referrer',
    crossOriginResourcePolicy = 'same-origin',
  } = options;
  const all: readonly (readonly [string, string | false])[] = [
    ['x-content-type-options', 'nosniff'],
    ['x-frame-options', 'DENY'],
    ['cross-origin-opener-policy', 'same-origin'],
    ['content-security-policy', contentSecurityPolicy],
    ['strict-transport-security', hstsSeconds !== false && `max-age=${hstsSeconds}`],
    ['referrer-policy', referrerPolicy],
    ['cross-origin-resource-policy', crossOriginResourcePolicy],
  ];
  const fields = all.filter((field): field is [string, string] => field[1] !== false);
  const addFields = (ctx: Context): void => {
    for (const [name, value] of fields) ctx.header(name, value, ALWAYS);
  };
  return alsoOnRefusals(addFields, addFields);
}
