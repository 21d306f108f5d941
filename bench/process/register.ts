// Registers instances at a running process.
import type { Server } from './server.js';

/** The number of requests that are made at once. */
const AT_ONCE = 16;

export interface Instance {
  readonly service: string;
  readonly id: string;
  /** `http://HOST:PORT` */
  readonly url: string;
  /** The path by which its health is checked. Without one it is registered for an hour. */
  readonly healthCheckUrl?: string;
}

/** @throws Error when the server has printed no address of its admin plane */
export function adminOf({ name, readyLine }: Server): string {
  const admin = /\badmin (http:\/\/\S+)/.exec(readyLine)?.[1];
  if (admin === undefined) throw new Error(`${name} printed no address of its admin plane`);
  return admin;
}

/** @throws Error when one is refused */
export async function register(server: Server, instances: readonly Instance[]): Promise<void> {
  const admin = adminOf(server);
  for (let from = 0; from < instances.length; from += AT_ONCE)
    await Promise.all(instances.slice(from, from + AT_ONCE).map((instance) => put(admin, instance)));
}

async function put(admin: string, { service, id, url, healthCheckUrl }: Instance): Promise<void> {
  const { hostname: host, port } = new URL(url);
  const ttlSeconds = healthCheckUrl === undefined ? 3600 : 0;
  const response = await fetch(`${admin}/registry/v1/services/${service}/instances/${id}`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ host, port: Number(port), ttlSeconds, healthCheckUrl }),
  });
  const text = await response.text();
  if (response.status !== 201) throw new Error(`${service}/${id} was not registered: ${text}`);
}
