// Rejects pages of other web sites that show our files (hotlinking). It does not protect against clients that
// set the field Referer themselves.
import type { Context } from '../handler.js';
import { ServerRefusal } from '../server-refusal.js';
import { originSet } from './origin-list.js';

/**
 * An `onRequest` hook that refuses requests with 403 `CROSS_SITE` when their Referer is neither of this host
 * nor one of these origins. Requests without a Referer pass, because many clients send none.
 * @throws TypeError for invalid origins
 */
export function refererGuard(origins: readonly string[] = []): (ctx: Context) => void {
  const trusted = originSet('refererGuard', origins);
  return (ctx) => {
    const referer = ctx.headers.get('referer');
    if (referer === undefined) return;
    const from = URL.canParse(referer) ? new URL(referer) : undefined;
    if (from !== undefined && (from.host === ctx.host.toLowerCase() || trusted.has(from.origin))) return;
    throw new ServerRefusal('CROSS_SITE', 'Another page refers to this.');
  };
}
