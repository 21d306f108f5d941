// Whose sampled flag counts (RECEIVE_TRACE_FLAGS): a stranger who may set it can make us record and export
// everything. The trace id is continued in any case.
import { BlockList, isIPv6 } from 'node:net';
import type { Settings } from '#src/config.js';

/** @param isInstance whether an address is one of the registry's instances */
export function traceTrust(
  { receiveTraceFlags, trustedProxies }: Pick<Settings, 'receiveTraceFlags' | 'trustedProxies'>,
  isInstance: (address: string) => boolean,
): (peer: { remoteAddress(): string }) => boolean {
  if (receiveTraceFlags !== 'trusted') return () => receiveTraceFlags === 'all';
  const trusted = new BlockList();
  trusted.addSubnet('127.0.0.0', 8, 'ipv4');
  trusted.addAddress('::1', 'ipv6');
  for (const range of trustedProxies) {
    const [address = '', prefix = ''] = range.split('/');
    trusted.addSubnet(address, Number(prefix), isIPv6(address) ? 'ipv6' : 'ipv4');
  }
  return (peer) => {
    const address = peer.remoteAddress();
    if (address === '') return false;
    return trusted.check(address, isIPv6(address) ? 'ipv6' : 'ipv4') || isInstance(address);
  };
}
