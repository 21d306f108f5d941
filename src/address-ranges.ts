// Ranges of IP addresses in CIDR notation, such as `10.0.0.0/8` (RFC 4632; RFC 4291 section 2.3).
import { BlockList, SocketAddress } from 'node:net';

/** Loopback and private addresses (RFC 1918, RFC 4193). */
export const LOOPBACK_AND_PRIVATE: readonly string[] = [
  '127.0.0.0/8',
  '::1/128',
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  'fc00::/7',
];

/**
 * Completes a range: an address alone is the range of just this address.
 * @returns `address/prefix length`; undefined for text that is no range, also for an address with a zone
 */
export function completeRange(text: string): string | undefined {
  const [address = '', prefix, ...rest] = text.trim().split('/');
  if (parsed(address) === undefined || rest.length > 0) return undefined;
  const bits = familyOf(address) === 'ipv4' ? 32 : 128;
  if (prefix === undefined) return `${address}/${bits}`;
  return /^\d{1,3}$/.test(prefix) && Number(prefix) <= bits ? `${address}/${Number(prefix)}` : undefined;
}

/** A set of ranges that can be asked whether it contains an address. */
export class AddressRanges {
  readonly isEmpty: boolean;
  readonly #list = new BlockList();

  /** @throws TypeError for text that is no range */
  constructor(ranges: readonly string[]) {
    this.isEmpty = ranges.length === 0;
    for (const range of ranges) {
      const complete = completeRange(range);
      if (complete === undefined) {
        throw new TypeError(`${JSON.stringify(range)} is not an address range (CIDR)`);
      }
      const [address = '', length] = complete.split('/');
      this.#list.addSubnet(address, Number(length), familyOf(address));
    }
  }

  /** @returns false also for text that is no address */
  has(address: string): boolean {
    if (this.isEmpty) return false;
    const socketAddress = parsed(withoutZone(address));
    return socketAddress !== undefined && this.#list.check(socketAddress);
  }
}

/** The family of a text that may be an address: only those of IPv6 contain colons. */
const familyOf = (text: string): 'ipv4' | 'ipv6' => (text.includes(':') ? 'ipv6' : 'ipv4');

/**
 * Removes the zone of an IPv6 address (RFC 4007 section 11), by the rule of `isIP`: SocketAddress ignores
 * whatever follows a `%`, also nothing.
 */
const withoutZone = (text: string): string =>
  text.includes('%') ? text.replace(/^([^%]*:[^%]*)%[\da-z.:-]+$/i, '$1') : text;

/**
 * Parses an address without a zone. This does not use `isIP` of Node.js, which compiles a large regular
 * expression at its first use: 5 ms of every thread's start.
 * @returns undefined for text that is no address
 */
function parsed(text: string): SocketAddress | undefined {
  if (!/^[\da-f:.]+$/i.test(text)) return undefined;
  try {
    return new SocketAddress({ address: text, family: familyOf(text) });
  } catch {
    return undefined;
  }
}
