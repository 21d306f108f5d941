// Who the client is, and which host it asked for, when proxies stand between us. Each proxy appends the
// address that it was called from, so the list is read from its right end, where our own proxies have
// written, up to the first address that is none of them. What is left of it the client may have made up; it
// is never looked at, not even to split the list, so nothing that stands there can change what stands on its
// right.
import { isIP, isIPv4, SocketAddress } from 'node:net';
import { parse } from 'forwarded-parse';

/**
 * The field that TRUSTED_PROXIES write (TRUSTED_PROXY_FIELD): `x-forwarded-for` beside its `x-forwarded-*`,
 * or `forwarded` (RFC 7239).
 */
export type ProxyField = 'x-forwarded-for' | 'forwarded';

/** Proxies of ours behind one another; more of them are not looked at. */
const MAX_HOPS = 32;

/**
 * @param peer the address that opened the connection: a trusted proxy
 * @param lines of the field, in their order of arrival
 * @returns the peer when nothing better is known
 */
export function clientAddress(
  peer: string,
  field: ProxyField,
  lines: readonly string[],
  isProxy: (address: string) => boolean,
): string {
  let nearest = peer;
  let hops = 0;
  for (const element of elementsFromRight(field, lines)) {
    const address = addressOf(field === 'forwarded' ? (parameterOf(element, 'for') ?? '') : element);
    // A proxy that hides or garbles it: further left is hearsay.
    if (address === undefined) return nearest;
    nearest = address;
    if (!isProxy(address) || ++hops === MAX_HOPS) return nearest;
  }
  return nearest;
}

/**
 * The host that the nearest proxy was asked for.
 * @param lines of `forwarded`, or of `x-forwarded-host`
 * @returns undefined when that proxy does not tell it
 */
export function forwardedHost(field: ProxyField, lines: readonly string[]): string | undefined {
  for (const element of elementsFromRight(field, lines)) {
    const host = field === 'forwarded' ? parameterOf(element, 'host') : element.trim();
    return host === '' ? undefined : host;
  }
  return undefined;
}

/** The elements of a list over several field lines, the last one first. */
function* elementsFromRight(field: ProxyField, lines: readonly string[]): Generator<string, void, undefined> {
  for (let i = lines.length - 1; i >= 0; i--) {
    const line = lines[i]!;
    let end = line.length;
    do {
      const comma = field === 'forwarded' ? commaBefore(line, end) : lastIndexBefore(line, ',', end);
      yield line.slice(comma + 1, end);
      end = comma;
    } while (end !== -1);
  }
}

/** The last comma before `end` that is not within a quoted string; -1 when there is none. */
function commaBefore(line: string, end: number): number {
  for (let i = end - 1; i >= 0; i--) {
    if (line[i] === ',') return i;
    if (line[i] === '"') i = openingQuote(line, i);
  }
  return -1;
}

/** Where the quoted string begins that ends at `closing`; -1 when it does not begin. */
function openingQuote(line: string, closing: number): number {
  for (let i = lastIndexBefore(line, '"', closing); i !== -1; i = lastIndexBefore(line, '"', i)) {
    let backslashes = 0;
    while (line[i - 1 - backslashes] === '\\') backslashes++;
    if (backslashes % 2 === 0) return i;
  }
  return -1;
}

const lastIndexBefore = (line: string, character: string, end: number): number =>
  end === 0 ? -1 : line.lastIndexOf(character, end - 1);

/** Of one element of `Forwarded`; one that cannot be parsed says nothing at all. */
function parameterOf(element: string, name: 'for' | 'host'): string | undefined {
  try {
    return parse(element.trim())[0]?.[name];
  } catch {
    return undefined;
  }
}

const WITH_PORT = /^(?:\[([0-9A-Fa-f:.]+)\]|(\d+\.\d+\.\d+\.\d+))(?::\d{1,5})?$/;

/**
 * @returns in one spelling for every address, without port; undefined for what is none (`unknown`, `_hidden`)
 */
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
