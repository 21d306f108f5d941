// Rejects requests of other web sites. A page of any site can make a browser send requests to 127.0.0.1, and
// by DNS rebinding it can even read the responses under its own name. So the name that the client used must
// be one of this server, and a page must have been loaded from here.

export interface SiteCheckRequest {
  /** The field `Host` as it was sent. */
  readonly host: string;
  readonly origin: string | undefined;
  /** The field `Sec-Fetch-Site` (https://www.w3.org/TR/fetch-metadata/). */
  readonly fetchSite: string | undefined;
  /** Whether a browser opens the dashboard's page, as it does when a link is followed. @default false */
  readonly opensPage?: boolean;
  /** The address of this side of the connection. */
  readonly localAddress: string | undefined;
}

/**
 * @returns why the request is rejected, for the problem's `detail`; undefined for a request that is admitted
 */
export function foreignSite(
  request: SiteCheckRequest,
  boundHost: string,
  allowedHosts: readonly string[],
): string | undefined {
  const host = request.host.toLowerCase();
  const name = withoutPort(host);
  const isKnown =
    name === 'localhost' ||
    name === plainAddress(boundHost) ||
    // A server that is bound to a wildcard is reached by any address of the host. A literal address cannot be
    // rebound.
    name === plainAddress(request.localAddress) ||
    allowedHosts.some((allowed) => [host, name].includes(allowed.toLowerCase().replace(/^\[|\]$/g, '')));
  if (!isKnown) return 'The Host of the request is not one of this admin plane: see ADMIN_ALLOWED_HOSTS.';
  // A page of another port of this host is of the same site. It may link to the dashboard, but not request
  // data or start a profile. Browsers send no Origin with some of its requests.
  const isOther = request.fetchSite === 'same-site' && request.opensPage !== true;
  if (isOther || request.fetchSite === 'cross-site') return 'The request comes from another site.';
  if (request.origin !== undefined && hostOfOrigin(request.origin) !== host) {
    return 'The request comes from a page of another origin.';
  }
  return undefined;
}

/** Turns `[::1]:9901` into `::1`, and `localhost:9901` into `localhost`. */
function withoutPort(host: string): string {
  const bracketed = /^\[([^\]]*)\](?::\d+)?$/.exec(host);
  return bracketed?.[1] ?? host.replace(/:\d*$/, '');
}

/** Writes an IPv4 address that arrives over an IPv6 socket as IPv4. */
export function plainAddress(address: string | undefined): string | undefined {
  return address?.toLowerCase().replace(/^::ffff:(?=\d+\.)/, '');
}

/** @returns undefined for `null` and everything else that is not a web origin */
function hostOfOrigin(origin: string): string | undefined {
  return /^https?:\/\/([^/?#@\s]+)$/i.exec(origin)?.[1]?.toLowerCase();
}
