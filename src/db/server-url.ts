// DATABASE_URL names a server and, in its path, the maintenance database that new ones are created through.

const DEFAULT_PORT = 5432;

/** `postgres://user:password@/name?host=/run/postgresql`, the form for a socket folder, has no host. */
const parsed = (serverUrl: string): URL => new URL(serverUrl.replace('@/', '@localhost/'));

/** The same server and role, another database. */
export function withDatabase(serverUrl: string, database: string): string {
  const url = parsed(serverUrl);
  url.pathname = `/${encodeURIComponent(database)}`;
  return url.href;
}

/** As the driver takes it: parameters win. `host` is a folder where the server listens on a socket. */
export function serverOf(serverUrl: string): { readonly host: string; readonly port: number } {
  const { hostname, port, searchParams } = parsed(serverUrl);
  return {
    host: searchParams.get('host') ?? (hostname === '' ? 'localhost' : hostname),
    port: Number(searchParams.get('port') ?? (port === '' ? DEFAULT_PORT : port)),
  };
}

/** `host:port`, or the socket folder; never user or password. */
export function addressOf(serverUrl: string): string {
  const { host, port } = serverOf(serverUrl);
  return host.startsWith('/') ? host : `${host}:${port}`;
}
