// Fields that tell browsers to be careful. They stay on problem documents; a handler that sets one itself has
// the last word for its own answer.
import { checkOptions, type OptionKind, shapeOf, typeErrorFor } from '../../options.js';
import type { Context } from '../handler.js';
import { alsoOnRefusals } from '../refusal-fields.js';

export interface SecurityHeadersOptions {
  /** Default: nothing may be loaded, and nobody may frame us, which is right for everything but pages. */
  readonly contentSecurityPolicy?: string | false;
  /** Seconds that browsers use TLS only for this host (ignored by them over plain HTTP). Default 180 days. */
  readonly hstsSeconds?: number | false;
  /** Default `no-referrer`. */
  readonly referrerPolicy?: string | false;
  /** Who may load our answers into pages. Default `same-origin`. */
  readonly crossOriginResourcePolicy?: 'same-origin' | 'same-site' | 'cross-origin' | false;
}

const FIELD: OptionKind = {
  text: 'a string, or false to omit it',
  is: (value) => typeof value === 'string' || value === false,
};
const OPTIONS = shapeOf<SecurityHeadersOptions>("{ referrerPolicy: 'same-origin' }", {
  contentSecurityPolicy: FIELD,
  hstsSeconds: {
    text: 'a number of seconds, or false to leave it out',
    is: (value) => value === false || (Number.isFinite(value) && (value as number) >= 0),
  },
  referrerPolicy: FIELD,
  crossOriginResourcePolicy: FIELD,
});

const POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
const HALF_A_YEAR = 180 * 24 * 60 * 60;
const ALWAYS = { always: true };

/** An `onRequest` hook; what is refused before it runs gets its fields too. */
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
  const say = (ctx: Context): void => {
    for (const [name, value] of fields) ctx.header(name, value, ALWAYS);
  };
  return alsoOnRefusals(say, say);
}
