// Who the client is when proxies stand between us. Each proxy appends the address that it was called from, so the
// list is read from its right end, where our own proxies have written, up to the first address that is none of
// them. What is left of it the client may have made up.
import { isIP, isIPv4, SocketAddress } from 'node:net';
import { parse } from 'forwarded-parse';

/** Field lines in their order of arrival. */
export interface ForwardingFields {
  /** `X-Forwarded-For` */
  readonly list: readonly string[];
  /** `Forwarded` (RFC 7239) */
  readonly forwarded: readonly string[];
}

/**
 * @param peer whoever opened the connection: a trusted proxy
 * @returns the peer when nothing better is known: also when the two fields contradict each other, because a proxy
 *   that writes one of them passes on what a client has put into the other
 */
export function clientAddress(
  peer: string,
  { list, forwarded }: ForwardingFields,
  isProxy: (address: string) => boolean,
): string {
  const byList = list.length === 0 ? undefined : walk(peer, list.join(',').split(','), isProxy);
  const byForwarded = forwarded.length === 0 ? undefined : walk(peer, hopsOf(forwarded), isProxy);
  if (byList !== undefined && byForwarded !== undefined) return byList === byForwarded ? byList : peer;
  return byList ?? byForwarded ?? peer;
}

function walk(peer: string, hops: readonly string[], isProxy: (address: string) => boolean): string {
  let nearest = peer;
  for (let i = hops.length - 1; i >= 0; i--) {
    const address = addressOf(hops[i]!);
    // A proxy that hides or garbles it: further left is hearsay.
    if (address === undefined) return nearest;
    nearest = address;
    if (!isProxy(address)) return nearest;
  }
  return nearest;
}

/** One that cannot be parsed says nothing at all. */
function hopsOf(forwarded: readonly string[]): readonly string[] {
  try {
    return parse(forwarded.join(',')).map((hop) => hop.for ?? '');
  } catch {
    return [];
  }
}

const WITH_PORT = /^(?:\[([0-9A-Fa-f:.]+)\]|(\d+\.\d+\.\d+\.\d+))(?::\d{1,5})?$/;

/** @returns in one spelling for every address, without port; undefined for what is none (`unknown`, `_hidden`) */
function addressOf(hop: string): string | undefined {
  const text = hop.trim();
  const [, bracketed, plain] = WITH_PORT.exec(text) ?? [];
  const address = bracketed ?? plain ?? text;
  if (isIPv4(address)) return address;
  if (isIP(address) !== 6 || address.includes('%')) return undefined;
  const canonical = new SocketAddress({ address, family: 'ipv6' }).address;
  const mapped = canonical.startsWith('::ffff:') ? canonical.slice('::ffff:'.length) : '';
  return isIPv4(mapped) ? mapped : canonical;
}
