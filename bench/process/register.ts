// Registers an instance at a running process.
import type { Server } from './server.js';

/** @param port of the instance on 127.0.0.1 */
export async function register({ readyLine }: Server, service: string, port: number): Promise<void> {
  const admin = / admin (\S+)/.exec(readyLine)![1]!;
  const response = await fetch(`${admin}/registry/v1/services/${service}/instances/${port}`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ host: '127.0.0.1', port, ttlSeconds: 3600 }),
  });
  if (response.status !== 201) throw new Error(`${service} was not registered: ${await response.text()}`);
}
