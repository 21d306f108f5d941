// DATABASE_URL names a server and, in its path, the maintenance database that new ones are created through.

/** The same server and role, another database. */
export function withDatabase(serverUrl: string, database: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${encodeURIComponent(database)}`;
  return url.href;
}

/** `host:port`, or the socket folder; never user or password. */
export function addressOf(serverUrl: string): string {
  const url = new URL(serverUrl);
  const host = url.searchParams.get('host');
  if (host !== null) return host;
  return `${url.hostname === '' ? 'localhost' : url.hostname}:${url.port === '' ? '5432' : url.port}`;
}

/** One line for the operator. */
export function describeConnectFailure(service: string, url: string, error: unknown): string {
  return `cannot connect to the database of "${service}" at ${addressOf(url)}: ${reasonOf(error)}`;
}

function reasonOf(error: unknown): string {
  // Happy Eyeballs: `localhost` refused on IPv6 and IPv4 is one error with two inside and an empty message.
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join(', ');
  return error instanceof Error ? error.message || error.name : String(error);
}
