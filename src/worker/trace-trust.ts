// Which peers' sampled flag is followed (RECEIVE_TRACE_FLAGS). A stranger who may set it could make the
// process record and export every trace. The trace id is continued in any case.

import { AddressRanges } from '../address-ranges.js';
import type { Settings } from '../config.js';

const LOOPBACK = ['127.0.0.0/8', '::1/128'];

/**
 * Makes the rule whether the sampled flag of a peer is followed.
 * @param isInstance whether an instance with this address is registered
 */
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
