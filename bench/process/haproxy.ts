// HAProxy on a free port of loopback.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from './free-port.js';
import type { ServerCommand } from './server.js';

/** The debian package `haproxy`. */
const PROGRAM = '/usr/sbin/haproxy';

/** @param configuration its text, for the port that it listens on */
export async function haproxy(
  name: string,
  folder: string,
  configuration: (port: number) => string,
): Promise<ServerCommand> {
  const port = await freePort();
  const file = join(folder, `${name.replaceAll(/\W+/g, '-')}.cfg`);
  writeFileSync(file, configuration(port));
  // It prints nothing when it listens; the shell waits until it is connected to.
  const wait = `until (exec 3<>/dev/tcp/127.0.0.1/${port}) 2>/dev/null; do sleep 0.05; done`;
  const script = `(${wait}; echo "haproxy ready http://127.0.0.1:${port}" >&2) & exec ${PROGRAM} -q -f ${file}`;
  return { name, command: 'bash', args: ['-c', script] };
}
