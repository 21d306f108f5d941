// Keeps other web sites away from the admin plane: a page of any site can make a browser send requests to
// 127.0.0.1, and by DNS rebinding it can even read the answers under its own name. So the name that the
// client used must be ours, and a page must have come from here. CONTRACT section 5.

export interface SiteCheckRequest {
  /** `Host` as sent. */
  readonly host: string;
  readonly origin: string | undefined;
  /** https://www.w3.org/TR/fetch-metadata/ */
  readonly fetchSite: string | undefined;
  /** Address of this side of the connection, as the socket tells it. */
  readonly localAddress: string | undefined;
}

/** @returns what is wrong, for the problem's `detail`; undefined when the request may go on */
export function foreignSite(
  request: SiteCheckRequest,
  boundHost: string,
  allowedHosts: readonly string[],
): string | undefined {
  const host = request.host.toLowerCase();
  const name = withoutPort(host);
  const known =
    name === 'localhost' ||
    name === plainAddress(boundHost) ||
    // Bound to a wildcard: whichever of our addresses the client reached. A literal address cannot be
    // rebound.
    name === plainAddress(request.localAddress) ||
    allowedHosts.some((allowed) => [host, name].includes(allowed.toLowerCase().replace(/^\[|\]$/g, '')));
  if (!known) return 'The Host of the request is not one of this admin plane.';
  if (request.fetchSite === 'cross-site') return 'The request comes from another site.';
  if (request.origin !== undefined && hostOfOrigin(request.origin) !== host) {
    return 'The request comes from a page of another origin.';
  }
  return undefined;
}

/** `[::1]:9901` -> `::1`, `localhost:9901` -> `localhost`. */
function withoutPort(host: string): string {
  const bracketed = /^\[([^\]]*)\](?::\d+)?$/.exec(host);
  return bracketed?.[1] ?? host.replace(/:\d*$/, '');
}

/** An IPv4 address that arrives over an IPv6 socket is written as IPv4. */
export function plainAddress(address: string | undefined): string | undefined {
  return address?.toLowerCase().replace(/^::ffff:(?=\d+\.)/, '');
}

/** undefined for `null` and everything else that is no web origin. */
function hostOfOrigin(origin: string): string | undefined {
  return /^https?:\/\/([^/?#@\s]+)$/i.exec(origin)?.[1]?.toLowerCase();
}
