// Which peers' sampled flag is followed (RECEIVE_TRACE_FLAGS). A stranger who may set it could make the
// process record and export every trace. The trace id is continued in any case.

import { AddressRanges } from '../address-ranges.js';
import type { Settings } from '../config.js';

const LOOPBACK = ['127.0.0.0/8', '::1/128'];

/** @param isInstance whether an address is one of the registry's instances */
export function traceTrust(
  { receiveTraceFlags, trustedProxies }: Pick<Settings, 'receiveTraceFlags' | 'trustedProxies'>,
  isInstance: (address: string) => boolean,
): (peer: { remoteAddress(): string }) => boolean {
  if (receiveTraceFlags !== 'trusted') return () => receiveTraceFlags === 'all';
  const trusted = new AddressRanges([...LOOPBACK, ...trustedProxies]);
  return (peer) => {
    const address = peer.remoteAddress();
    return trusted.has(address) || (address !== '' && isInstance(address));
  };
}
