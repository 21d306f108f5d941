// Which addresses instances may have. A client that may register decides where this process sends requests,
// tokens and probes, so registration invites server-side request forgery. Therefore only addresses of an
// allow list are admitted, and some are rejected even if the list contains them.
import { lookup } from 'node:dns/promises';
import { isIP, isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';
import { AddressRanges, completeRange } from '../address-ranges.js';
import { ConfigError, HttpError, UnavailableError } from '../errors.js';
import { NameLookups, OWN_NAMES } from './name-lookups.js';

/** Ranges that are rejected even when the allow list contains them. */
const NEVER: readonly string[] = [
  // "This network", with the unspecified address 0.0.0.0.
  '0.0.0.0/8',
  // Link-local and site-local addresses. The metadata services of most clouds have a link-local one.
  '169.254.0.0/16',
  'fe80::/10',
  'fec0::/10',
  // Metadata services of clouds that have other addresses.
  '100.100.100.200/32',
  '168.63.129.16/32',
  '192.0.0.192/32',
  'fd00:ec2::254/128',
  'fd20:ce::254/128',
  // Multicast, broadcast and reserved addresses.
  '224.0.0.0/4',
  '240.0.0.0/4',
  'ff00::/8',
  // IPv6 addresses that contain an IPv4 address, to which a gateway may translate them: NAT64, Teredo, 6to4.
  '64:ff9b::/96',
  '64:ff9b:1::/48',
  '2001::/32',
  '2002::/16',
];
/**
 * The unspecified address `::` and the IPv4-compatible addresses (RFC 4291 section 2.5.5.1). They are
 * rejected as well. Only `::1`, which is in the same range, may be registered, if the allow list has it.
 */
const IPV4_COMPATIBLE = '::/96';
const LOOPBACK_V6 = '::1';
/** Changes of the interfaces of this host are noticed after this time. */
const INTERFACES_MS = 1_000;

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface AddressRules {
  /** CIDR ranges, or single addresses. */
  readonly allow: readonly string[];
  /** The addresses of the admin plane and of the database servers, which no instance may have. */
  readonly guarded: () => readonly Address[];
  /** @returns all addresses of a name; rejects when it has none. The default is the resolver of this host */
  readonly resolve?: (name: string) => Promise<readonly string[]>;
  /** @returns the addresses of this host. The default is those of its network interfaces */
  readonly ownAddresses?: () => readonly string[];
}

export class AddressPolicy {
  readonly #rules: AddressRules;
  readonly #allow: AddressRanges;
  readonly #lookups: NameLookups;
  /** The last known addresses of guarded names: names that resolve slowly must not switch the guard off. */
  readonly #guarded = new Map<string, readonly string[]>();
  #interfaces: { readonly at: number; readonly addresses: ReadonlySet<string> } | undefined;
  readonly #never = new AddressRanges([...NEVER, IPV4_COMPATIBLE]);

  /** @throws ConfigError for text that is not an address range */
  constructor(rules: AddressRules) {
    this.#rules = rules;
    this.#allow = allowedRanges(rules.allow);
    this.#lookups = new NameLookups(rules.resolve ?? resolveAll);
  }

  /**
   * Checks the address of an instance. A name is resolved once, here: all its addresses must be admissible,
   * and connections go to the first one. If it were resolved again for every connection, its owner could
   * point it to any other address afterwards.
   * @param known the address that the instance has now: it is kept while the name still has it, because the
   *   order of the addresses of a name changes all the time
   * @param placeMs as in `NameLookups.of`
   * @returns the address to connect to
   * @throws HttpError ADDRESS_NOT_ALLOWED
   */
  async admit(
    { host, port, service = '' }: Address & { readonly service?: string },
    known?: string,
    placeMs?: number,
  ): Promise<string> {
    const addresses = (await this.#addressesOf(host, service, placeMs)).map(canonical);
    const isGuarded = await Promise.all(this.#rules.guarded().map((guarded) => this.#guardTest(guarded)));
    for (const address of addresses) {
      if (!this.#isAllowed(address)) throw refused(`${host} is not among the addresses that may register.`);
      if (isGuarded.some((test) => test(address, port))) {
        throw refused(`${host} port ${port} is an address of this process itself.`);
      }
    }
    return known !== undefined && addresses.includes(known) ? known : addresses[0]!;
  }

  /** Whether the allow list contains an address and the rules of this file do not reject it. */
  #isAllowed(address: string): boolean {
    if (address !== LOOPBACK_V6 && this.#never.has(address)) return false;
    return this.#allow.has(address);
  }

  /** @returns the addresses of a host: its own, or what its name resolves to */
  async #addressesOf(host: string, service: string, placeMs?: number): Promise<readonly string[]> {
    const address = addressOf(host);
    if (address !== undefined) return [address];
    let addresses: readonly string[];
    try {
      addresses = await this.#lookups.of(host, service, placeMs);
    } catch (cause) {
      if (cause instanceof UnavailableError) throw cause;
      throw refused(`${host} does not resolve to an address.`, cause);
    }
    if (addresses.length === 0) throw refused(`${host} does not resolve to an address.`);
    return addresses;
  }

  /**
   * Makes the test for one guarded address. It is true for the guarded address with its port. When the
   * guarded address is on this host, it is true for this port at every address of this host.
   */
  async #guardTest(guarded: Address): Promise<(address: string, port: number) => boolean> {
    const addresses = await this.#guardedAddresses(guarded.host);
    // The host name of a database that has no address cannot be compared. The allow list still applies.
    if (addresses.length === 0) return () => false;
    const onThisHost = addresses.some((address) => this.#isThisHost(address));
    return (address, port) =>
      port === guarded.port && (onThisHost ? this.#isThisHost(address) : addresses.includes(address));
  }

  /** @throws UnavailableError while the addresses of a name are not known */
  async #guardedAddresses(host: string): Promise<readonly string[]> {
    const known = this.#guarded.get(host);
    const found = this.#addressesOf(host, OWN_NAMES).then(
      (addresses) => {
        this.#guarded.set(host, addresses.map(canonical));
        return addresses.map(canonical);
      },
      (error: unknown) => {
        if (known === undefined && error instanceof UnavailableError) throw error;
        return known ?? [];
      },
    );
    return known ?? found;
  }

  #isThisHost(address: string): boolean {
    if (address.startsWith('127.') || address === LOOPBACK_V6) return true;
    if (address === '0.0.0.0' || address === '::') return true;
    return this.#ownAddresses().has(address);
  }

  /** The system is asked at most once in a second: a list of another registry has thousands of addresses. */
  #ownAddresses(): ReadonlySet<string> {
    const { ownAddresses } = this.#rules;
    if (ownAddresses !== undefined) return new Set(ownAddresses().map(canonical));
    const now = performance.now();
    if (this.#interfaces === undefined || now - this.#interfaces.at > INTERFACES_MS)
      this.#interfaces = { at: now, addresses: new Set(interfaceAddresses().map(canonical)) };
    return this.#interfaces.addresses;
  }
}

/** @returns the address that a host is, or 127.0.0.1 for `localhost`; undefined for another name */
export function addressOf(host: string): string | undefined {
  if (isIP(host) !== 0) return host;
  return host.toLowerCase() === 'localhost' ? '127.0.0.1' : undefined;
}

/** @throws ConfigError */
function allowedRanges(ranges: readonly string[]): AddressRanges {
  const wrong = ranges.find((range) => completeRange(range) === undefined);
  if (wrong !== undefined) {
    throw new ConfigError(`REGISTRY_ALLOW: ${JSON.stringify(wrong)} is not an address range (CIDR)`);
  }
  return new AddressRanges(ranges);
}

/**
 * Writes equal addresses in the same way, so that they can be compared as text. IPv6 is shortened and loses
 * its zone; IPv4 that is written as IPv6 (`::ffff:10.0.0.1`) becomes IPv4.
 */
export function canonical(address: string): string {
  if (!isIPv6(address)) return address;
  const unzoned = address.replace(/%.*$/, '');
  const text = new URL(`http://[${unzoned}]`).hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(text);
  if (mapped === null) return text;
  const [high, low] = [Number.parseInt(mapped[1]!, 16), Number.parseInt(mapped[2]!, 16)];
  return [high >> 8, high & 0xff, low >> 8, low & 0xff].join('.');
}

function interfaceAddresses(): readonly string[] {
  return Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address));
}

async function resolveAll(name: string): Promise<readonly string[]> {
  const found = await lookup(name, { all: true, verbatim: true });
  return found.map(({ address }) => address);
}

function refused(detail: string, cause?: unknown): HttpError {
  return new HttpError('ADDRESS_NOT_ALLOWED', detail, { cause });
}
