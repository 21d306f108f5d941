// Names that we are asked by. A name of somebody else that leads to our address (DNS rebinding) makes a
// browser take us for his server, and a name of anybody's choice would stand in links that we write.
import type { Context } from '../handler.js';
import { Refusal } from '../refusal.js';

/** `example.org`, or `*.example.org` for everything below it; without a port. */
const NAME = /^(?:\*\.)?[a-z0-9.-]+$|^\[[0-9a-f:.]+\]$/;

/**
 * An `onRequest` hook: 421 `MISDIRECTED_REQUEST` for other names. Calls of services in this process pass.
 * @throws TypeError for an empty list and for what is no name
 */
export function hostGuard(hosts: readonly string[]): (ctx: Context) => void {
  const bad = hosts.find((host) => !NAME.test(host));
  if (bad !== undefined) throw new TypeError(`hostGuard: "${bad}" is no host name (lower case, no port)`);
  if (hosts.length === 0) throw new TypeError('hostGuard: no host would be let in');
  const exact = new Set(hosts.filter((host) => !host.startsWith('*.')));
  const endings = hosts.filter((host) => host.startsWith('*.')).map((host) => host.slice(1));
  return (ctx) => {
    if (ctx.inProcess) return;
    const name = ctx.host.toLowerCase().replace(/:\d*$/, '');
    if (exact.has(name) || endings.some((ending) => name.endsWith(ending) && name !== ending)) return;
    throw new Refusal('MISDIRECTED_REQUEST', 'This host is not served here.');
  };
}
