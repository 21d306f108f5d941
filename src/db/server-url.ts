// The parts of DATABASE_URL: a server and, in the path, the maintenance database through which others are
// created.

const DEFAULT_PORT = 5432;

/**
 * Parses a URL, also without a host as in `postgres://user:password@/name?host=/run/postgresql` (a socket
 * folder).
 */
const parsed = (serverUrl: string): URL => new URL(serverUrl.replace('@/', '@localhost/'));

/** The URL of another database on the same server, with the same role. */
export function withDatabase(serverUrl: string, database: string): string {
  const url = parsed(serverUrl);
  url.pathname = `/${encodeURIComponent(database)}`;
  return url.href;
}

/**
 * Host and port by the driver's rules: parameters come first. `host` is a folder if the server listens on a
 * Unix socket.
 */
export function serverOf(serverUrl: string): { readonly host: string; readonly port: number } {
  const { hostname, port, searchParams } = parsed(serverUrl);
  return {
    host: searchParams.get('host') ?? (hostname === '' ? 'localhost' : hostname),
    port: Number(searchParams.get('port') ?? (port === '' ? DEFAULT_PORT : port)),
  };
}

/** Address for messages: `host:port` or the socket folder; never user or password. */
export function addressOf(serverUrl: string): string {
  const { host, port } = serverOf(serverUrl);
  return host.startsWith('/') ? host : `${host}:${port}`;
}
