// Pages that show our files as theirs (hotlinking). No protection against anybody who writes the field
// himself.
import type { Context } from '../handler.js';
import { Refusal } from '../refusal.js';
import { originSet } from './origin-list.js';

/**
 * An `onRequest` hook: 403 `CROSS_SITE` when another page than ours or one of these origins refers to us.
 * Without a Referer a request passes: many clients send none.
 * @throws TypeError for origins that are none
 */
export function refererGuard(origins: readonly string[] = []): (ctx: Context) => void {
  const trusted = originSet('refererGuard', origins);
  return (ctx) => {
    const referer = ctx.headers.get('referer');
    if (referer === undefined) return;
    const from = URL.canParse(referer) ? new URL(referer) : undefined;
    if (from !== undefined && (from.host === ctx.host.toLowerCase() || trusted.has(from.origin))) return;
    throw new Refusal('CROSS_SITE', 'Another page refers to this.');
  };
}
