// A set of address ranges in CIDR notation, asked for addresses as text.
import { BlockList, isIPv6 } from 'node:net';

export class AddressRanges {
  readonly isEmpty: boolean;
  readonly #list = new BlockList();

  /** @param ranges each with its prefix length, as the settings give them */
  constructor(ranges: readonly string[]) {
    this.isEmpty = ranges.length === 0;
    for (const range of ranges) {
      const [address = '', prefix = ''] = range.split('/');
      this.#list.addSubnet(address, Number(prefix), familyOf(address));
    }
  }

  /** False for what is no address. */
  has(address: string): boolean {
    return !this.isEmpty && address !== '' && this.#list.check(address, familyOf(address));
  }
}

const familyOf = (address: string): 'ipv4' | 'ipv6' => (isIPv6(address) ? 'ipv6' : 'ipv4');
