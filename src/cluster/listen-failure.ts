// Why an address cannot be listened on. The HTTP core reports only that it cannot, so the reason is found
// from what the system says of its addresses and of the rights of this process.
import { readFileSync } from 'node:fs';
import { BlockList, isIP } from 'node:net';
import { networkInterfaces } from 'node:os';

/** What the reason depends on. */
export interface ListenFacts {
  /** Addresses of the network interfaces of this machine. */
  readonly addresses: readonly string[];
  /** The lowest port that needs no right. */
  readonly firstOpenPort: number;
  /** Whether this process may listen on all ports. */
  readonly mayUseAllPorts: boolean;
}

/** CAP_NET_BIND_SERVICE of capabilities(7). */
const MAY_BIND = 1n << 10n;
const FIRST_OPEN_PORT = 1_024;

/**
 * @param host an IP address; a name counts as one of this machine
 * @returns what is wrong and what to do next
 */
export function listenFailure(host: string, port: number, facts: ListenFacts = factsOfSystem()): string {
  if (!isOfThisMachine(host, facts.addresses))
    return `${host} is no address of this machine; correct HOST, or leave it out for 0.0.0.0`;
  if (port > 0 && port < facts.firstOpenPort && !facts.mayUseAllPorts) {
    return (
      `a port below ${facts.firstOpenPort} needs a right that this user does not have; ` +
      `set PORT to ${facts.firstOpenPort} or more, or grant CAP_NET_BIND_SERVICE`
    );
  }
  return 'the port is taken; stop the process that has it, or set PORT to another one';
}

function isOfThisMachine(host: string, addresses: readonly string[]): boolean {
  if (isIP(withoutZone(host)) === 0) return true; // a name, which was resolved before
  const own = new BlockList();
  own.addSubnet('127.0.0.0', 8, 'ipv4');
  for (const address of ['0.0.0.0', '::', '::1', ...addresses.map(withoutZone)])
    own.addAddress(address, familyOf(address));
  return own.check(withoutZone(host), familyOf(withoutZone(host)));
}

const withoutZone = (address: string): string => address.replace(/%.*$/, '');
const familyOf = (address: string): 'ipv4' | 'ipv6' => (isIP(address) === 6 ? 'ipv6' : 'ipv4');

function factsOfSystem(): ListenFacts {
  const rights = /^CapEff:\s*([\da-f]+)/m.exec(contentOf('/proc/self/status'))?.[1];
  const firstOpenPort = contentOf('/proc/sys/net/ipv4/ip_unprivileged_port_start').trim();
  return {
    addresses: Object.values(networkInterfaces()).flatMap((all) => (all ?? []).map(({ address }) => address)),
    firstOpenPort: firstOpenPort === '' ? FIRST_OPEN_PORT : Number(firstOpenPort),
    mayUseAllPorts:
      rights === undefined ? process.getuid?.() === 0 : (BigInt(`0x${rights}`) & MAY_BIND) !== 0n,
  };
}

/** Empty for a file that cannot be read: not on Linux, or hidden. */
function contentOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
