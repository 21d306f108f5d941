// Rejects requests that a page of another origin makes a browser send with our cookies (CSRF). Browsers send
// where a request comes from. A client that does not is no browser and has no cookies that a page could
// abuse. The rules are those of Go's http.CrossOriginProtection.
import { ANYTHING, checkOptions, shapeOf, typeErrorFor } from '../../options.js';
import type { Context } from '../handler.js';
import { ServerRefusal } from '../server-refusal.js';
import { originSet } from './origin-list.js';

/** The options of `csrfGuard`. */
export interface CsrfGuardOptions {
  /**
   * Other origins whose pages may send requests of all methods, such as `https://app.example.org`.
   * @default none
   */
  readonly origins?: readonly string[];
}

const OPTIONS = shapeOf<CsrfGuardOptions>("{ origins: ['https://app.example.org'] }", { origins: ANYTHING });

/** Requests of these methods change nothing (RFC 9110 section 9.2.1). */
const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * An `onRequest` hook: 403 `CROSS_SITE` for a page of another origin.
 * @throws TypeError for unknown options and invalid origins
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
    throw new ServerRefusal('CROSS_SITE', 'This request comes from a page of another origin.');
  };
}

/** The origin `null` (a sandboxed page, a file) has no host. */
const hostOf = (origin: string | undefined): string | undefined =>
  origin !== undefined && URL.canParse(origin) ? new URL(origin).host : undefined;
