// A running admin plane for the tests of this folder, and the log lines it wrote.
import { pino } from 'pino';
import type { AdminRoute } from '#src/admin/admin-route.js';
import { type AdminServer, type AdminServerOptions, startAdminServer } from '#src/admin/server.js';

export interface Plane extends AdminServer {
  readonly url: string;
  readonly logged: { msg: string }[];
}

const open: Plane[] = [];

export async function plane(
  routes: readonly AdminRoute[],
  over: Partial<AdminServerOptions> = {},
): Promise<Plane> {
  const logged: { msg: string }[] = [];
  const log = pino({ level: 'debug' }, { write: (line: string) => logged.push(JSON.parse(line)) });
  const host = '127.0.0.1';
  const server = await startAdminServer({
    host,
    port: 0,
    token: undefined,
    allowedHosts: [],
    routes,
    log,
    ...over,
  });
  const one: Plane = { port: server.port, close: server.close, url: `http://${host}:${server.port}`, logged };
  open.push(one);
  return one;
}

export async function closePlanes(): Promise<void> {
  await Promise.all(open.splice(0).map((one) => one.close()));
}
