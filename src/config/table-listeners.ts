// The settings of the listeners, of the HTTP workers, and of the services to mount.
import { isServiceName } from '../service-name.js';
import { defaultWorkers } from './machine-facts.js';
import { host, hosts } from './network-kinds.js';
import { optional, type Table, withDefault } from './setting.js';
import { listOf, oneOf, path, routePath, token, whole } from './setting-kinds.js';

const serviceNames = listOf('service names', (name) => (isServiceName(name) ? name : undefined));

export const LISTENER_SETTINGS = {
  HOST: withDefault(host, '0.0.0.0', 'Address of the data plane (HTTP/1.1).'),
  PORT: withDefault(whole(0, 65535), 8080, 'Port of the data plane; 0: any free port.'),
  TLS_CERT_FILE: optional(
    path,
    'plain HTTP',
    'PEM file of the TLS certificate of the data plane, followed by its intermediate certificates. It is read when a ' +
      'worker starts, so a reload applies a renewed certificate.',
  ),
  TLS_KEY_FILE: optional(
    path,
    'plain HTTP',
    'PEM file of the private key of that certificate, which must not be encrypted.',
  ),
  ADMIN_HOST: withDefault(
    host,
    '127.0.0.1',
    'Address of the admin plane. An address that is not loopback requires an `ADMIN_TOKEN` of at least 32 characters.',
  ),
  ADMIN_PORT: withDefault(whole(0, 65535), 9901, 'Port of the admin plane; 0: any free port.'),
  ADMIN_TOKEN: optional(token, 'none', 'Bearer token that the admin plane requires.'),
  ADMIN_ALLOWED_HOSTS: withDefault(
    hosts,
    [],
    'Values of the `Host` field that the admin plane accepts besides the bound address and `localhost`.',
  ),
  HEALTH_PATH: withDefault(
    routePath,
    '/health',
    'Path of the data plane that says whether a worker is alive. `off`, or another path, leaves `/health` to an ' +
      'application that is mounted at `/`.',
  ),
  READY_PATH: withDefault(
    routePath,
    '/ready',
    'Path of the data plane that says whether the process may get traffic, as `/readyz` of the admin plane does.',
  ),
  WORKERS: withDefault(
    whole(1, 256),
    (machine) => defaultWorkers(machine.parallelism),
    'HTTP worker threads.',
    {
      defaultText: 'available parallelism, at most the CPU quota of the container, rounded up',
    },
  ),
  HTTP_CORE: withDefault(
    oneOf('auto', 'uws', 'node'),
    'auto',
    'The HTTP core of the workers. `uws`: uWebSockets.js, native code that needs the least processor time. `node`: ' +
      '`node:http`, which runs wherever Node.js does. `auto`: `uws` where it loads, else `node`. ' +
      '[What differs](cluster.md#two-http-cores).',
  ),
  SHARDING: withDefault(
    oneOf('acceptor', 'reuseport'),
    ({ core }) => (core === 'node' ? 'reuseport' : 'acceptor'),
    'How connections reach workers. `acceptor`: the primary accepts connections and passes the sockets to workers. ' +
      '`reuseport` (Linux): each worker listens and the kernel distributes connections, which is cheaper for short ' +
      'connections but ignores the load of the workers. The core `node` has `reuseport` only.',
    { defaultText: '`acceptor`; with the core `node` `reuseport`' },
  ),
  SERVICES: optional(serviceNames, 'all', 'Services that this process mounts.'),
} satisfies Table;
