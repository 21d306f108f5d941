// Announces that the process is ready: in one line on stderr, whose form docs/contract.md fixes, and by a
// message to pm2. A parent with a channel, such as `multilane dev`, may ask for the addresses.

/** The message that asks a ready process for its addresses. */
export const ADDRESSES = 'addresses';

/** The reply: URLs of both planes. */
export interface Addresses {
  readonly dataPlane: string;
  readonly adminPlane: string;
}

/** A listening host as it is written in a URL; the wildcard addresses are shown as loopback, to be usable. */
export function shownHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}

/**
 * @param dataPlane URL of the data plane
 * @param adminPlane URL of the admin plane
 */
export function announceReady(dataPlane: string, adminPlane: string): void {
  process.stderr.write(`multilane ready ${dataPlane} admin ${adminPlane}\n`);
  // Without a callback a channel that has been closed would be an uncaught exception.
  process.send?.('ready', undefined, undefined, () => undefined);
  process.on('message', (message) => {
    if (message !== ADDRESSES) return;
    const addresses: Addresses = { dataPlane, adminPlane };
    process.send?.(addresses, undefined, undefined, () => undefined);
  });
}
