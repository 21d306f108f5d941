// Requests that a page of somebody else makes a browser send, with our cookies (CSRF). Browsers say where a
// request comes from; what says nothing is no browser and has no cookies that a page could make use of. The
// rules are those of Go's http.CrossOriginProtection.
import { ANYTHING, checkOptions, shapeOf, typeErrorFor } from '../../options.js';
import type { Context } from '../handler.js';
import { Refusal } from '../refusal.js';
import { originSet } from './origin-list.js';

export interface CsrfGuardOptions {
  /** Other origins whose pages may send everything, e.g. `https://app.example.org`. */
  readonly origins?: readonly string[];
}

const OPTIONS = shapeOf<CsrfGuardOptions>("{ origins: ['https://app.example.org'] }", { origins: ANYTHING });

/** They change nothing, or the application has a worse problem. */
const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * An `onRequest` hook: 403 `CROSS_SITE` for a page of another origin.
 * @throws TypeError for origins that are none
 */
export function csrfGuard(options: CsrfGuardOptions = {}): (ctx: Context) => void {
  checkOptions(options, OPTIONS, typeErrorFor('csrfGuard'));
  const { origins = [] } = options;
  const trusted = originSet('csrfGuard', origins);
  return (ctx) => {
    if (SAFE.has(ctx.method)) return;
    const site = ctx.headers.get('sec-fetch-site');
    if (site === 'same-origin' || site === 'none') return;
    const origin = ctx.headers.get('origin');
    if (origin === undefined && site === undefined) return;
    if (origin !== undefined && trusted.has(origin)) return;
    if (site === undefined && hostOf(origin) === ctx.host.toLowerCase()) return;
    throw new Refusal('CROSS_SITE', 'This request comes from a page of another origin.');
  };
}

/** `null` (a sandboxed page, a file) has none. */
const hostOf = (origin: string | undefined): string | undefined =>
  origin !== undefined && URL.canParse(origin) ? new URL(origin).host : undefined;
