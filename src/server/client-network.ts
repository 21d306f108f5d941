// The unit by which clients are bounded per address.
import { isIPv6 } from 'node:net';

/**
 * The part of an address that stands for one client: the whole IPv4 address, or the /64 of an IPv6 address,
 * because a single host may use all addresses of its /64 (RFC 4291 section 2.5.4).
 */
export function networkOf(address: string): string {
  if (!address.includes(':') || !isIPv6(address)) return address;
  const [head = '', tail] = address.split('::', 2);
  const groups = head === '' ? [] : head.split(':');
  if (tail !== undefined) {
    const behind = tail === '' ? 0 : tail.split(':').length + (tail.includes('.') ? 1 : 0);
    while (groups.length + behind < 8) groups.push('0');
    groups.push(...(tail === '' ? [] : tail.split(':')));
  }
  return `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`;
}
