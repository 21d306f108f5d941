// The one moment (CONTRACT section 1): told to whoever started us, on stderr and to pm2.

/** `0.0.0.0` is not an address to connect to. */
export function shownHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}

export function announceReady(dataPlane: string, adminPlane: string): void {
  process.stderr.write(`multilane ready ${dataPlane} admin ${adminPlane}\n`);
  // With a callback a channel that has been closed is not an uncaught exception.
  process.send?.('ready', undefined, undefined, () => undefined);
}
