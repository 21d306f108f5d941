// The address of the client and the host that it requested, behind trusted proxies. Each proxy appends the
// address that called it, so the list is read from its right end, where the trusted proxies have written, up
// to the first address that is not one of them. The client may have made up everything to the left of that
// address. This part is not read at all, not even to split the list, so it cannot change the meaning of what
// follows it.
import { isIP, isIPv4, SocketAddress } from 'node:net';
import { parse } from 'forwarded-parse';

/**
 * The field that TRUSTED_PROXIES write (TRUSTED_PROXY_FIELD): `x-forwarded-for` beside its `x-forwarded-*`,
 * or `forwarded` (RFC 7239).
 */
export type ProxyField = 'x-forwarded-for' | 'forwarded';

/** The largest number of proxies in a row; further ones are not read. */
const MAX_HOPS = 32;

/**
 * The address of the client.
 * @param peer the address that opened the connection: a trusted proxy
 * @param lines lines of the field, in their order of arrival
 * @returns the peer when the field names no address
 */
export function clientAddress(
  peer: string,
  field: ProxyField,
  lines: readonly string[],
  isProxy: (address: string) => boolean,
): string {
  let nearest = peer;
  for (const address of hopsFrom(peer, field, lines, isProxy)) nearest = address;
  return nearest;
}

/**
 * The addresses that a request has passed, from the peer to the client. All but the last are trusted proxies.
 * @param peer a trusted proxy @param lines lines of the field, in their order of arrival
 */
export function* hopsFrom(
  peer: string,
  field: ProxyField,
  lines: readonly string[],
  isProxy: (address: string) => boolean,
): Generator<string, void, undefined> {
  yield peer;
  let hops = 0;
  for (const element of elementsFromRight(field, lines)) {
    const address = addressOf(field === 'forwarded' ? (parameterOf(element, 'for') ?? '') : element);
    // This proxy hides or garbles the address. What is further to the left is not trusted.
    if (address === undefined) return;
    yield address;
    if (!isProxy(address) || ++hops === MAX_HOPS) return;
  }
}

/**
 * The host that the client requested of the nearest proxy.
 * @param lines lines of `forwarded`, or of `x-forwarded-host`
 * @returns undefined when that proxy does not name it
 */
export function forwardedHost(field: ProxyField, lines: readonly string[]): string | undefined {
  const host = nearest(field, lines, 'host');
  return host === '' ? undefined : host;
}

/**
 * The scheme by which the client has reached the nearest proxy.
 * @param lines lines of `forwarded`, or of `x-forwarded-proto`
 * @returns undefined when that proxy does not name it
 */
export function forwardedScheme(field: ProxyField, lines: readonly string[]): 'http' | 'https' | undefined {
  const scheme = nearest(field, lines, 'proto')?.toLowerCase();
  return scheme === 'http' || scheme === 'https' ? scheme : undefined;
}

function nearest(
  field: ProxyField,
  lines: readonly string[],
  parameter: 'host' | 'proto',
): string | undefined {
  for (const element of elementsFromRight(field, lines))
    return field === 'forwarded' ? parameterOf(element, parameter) : element.trim();
  return undefined;
}

/** Yields the elements of a list over several field lines, from the last to the first. */
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

/** Finds the last comma before `end` that is not within a quoted string. @returns -1 when there is none */
function commaBefore(line: string, end: number): number {
  for (let i = end - 1; i >= 0; i--) {
    if (line[i] === ',') return i;
    if (line[i] === '"') i = openingQuote(line, i);
  }
  return -1;
}

/** Finds the beginning of the quoted string that ends at `closing`. @returns -1 when there is none */
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

/**
 * Reads a parameter of one element of `Forwarded`. @returns undefined for an element that cannot be parsed
 */
function parameterOf(element: string, name: 'for' | 'host' | 'proto'): string | undefined {
  try {
    return parse(element.trim())[0]?.[name];
  } catch {
    return undefined;
  }
}

const WITH_PORT = /^(?:\[([0-9A-Fa-f:.]+)\]|(\d+\.\d+\.\d+\.\d+))(?::\d{1,5})?$/;

/**
 * @returns the address without port, in one spelling for every address; undefined for other texts (`unknown`,
 *   `_hidden`)
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
