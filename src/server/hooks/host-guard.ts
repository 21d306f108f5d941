// An allow-list for the Host header. A foreign name that resolves to our address (DNS rebinding) makes a
// browser take this server for another one, and an invented name would get into the links that we write.
import { describeValue } from '../../options.js';
import type { Context } from '../handler.js';
import { ServerRefusal } from '../server-refusal.js';

/** `example.org`, or `*.example.org` for all names below it; without a port. */
const NAME = /^(?:\*\.)?[a-z0-9.-]+$|^\[[0-9a-f:.]+\]$/;

/**
 * An `onRequest` hook that refuses other host names with 421 `MISDIRECTED_REQUEST`. Calls of services in this
 * process pass.
 * @param hosts names in lower case without a port; `*.example.org` allows all names below `example.org`, but
 *   not the name itself
 * @throws TypeError for an empty list and for an invalid name
 */
export function hostGuard(hosts: readonly string[]): (ctx: Context) => void {
  if (!Array.isArray(hosts)) {
    throw new TypeError(
      `hostGuard: the hosts must be an array such as ['example.org'], not ${describeValue(hosts)}`,
    );
  }
  const bad = hosts.find((host) => typeof host !== 'string' || !NAME.test(host));
  if (bad !== undefined)
    throw new TypeError(`hostGuard: ${describeValue(bad)} is no host name (lower case, no port)`);
  if (hosts.length === 0)
    throw new TypeError('hostGuard: the list of hosts is empty, so no request would be admitted');
  const exact = new Set(hosts.filter((host) => !host.startsWith('*.')));
  const endings = hosts.filter((host) => host.startsWith('*.')).map((host) => host.slice(1));
  return (ctx) => {
    if (ctx.inProcess) return;
    const name = ctx.host.toLowerCase().replace(/:\d*$/, '');
    if (exact.has(name) || endings.some((ending) => name.endsWith(ending) && name !== ending)) return;
    throw new ServerRefusal('MISDIRECTED_REQUEST', 'This host is not served here.');
  };
}
