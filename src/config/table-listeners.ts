// Settings of the listeners, of the workers behind them, and of the mounted services.
import { isServiceName } from '../service-name.js';
import { defaultWorkers } from './machine-facts.js';
import { host, hosts } from './network-kinds.js';
import { optional, type Table, withDefault } from './setting.js';
import { listOf, oneOf, path, token, whole } from './setting-kinds.js';

const serviceNames = listOf('service names', (name) => (isServiceName(name) ? name : undefined));

export const LISTENER_SETTINGS = {
  HOST: withDefault(host, '0.0.0.0', 'Address of the data plane (HTTP/1.1).'),
  PORT: withDefault(whole(0, 65535), 8080, 'Port of the data plane; 0 takes any free one.'),
  TLS_CERT_FILE: optional(
    path,
    'plain HTTP',
    'PEM file of the certificate the data plane is served with over TLS, followed by those between it and its root. ' +
      'Read when a worker starts: a reload takes a renewed one.',
  ),
  TLS_KEY_FILE: optional(
    path,
    'plain HTTP',
    'PEM file of the private key of that certificate, not encrypted.',
  ),
  ADMIN_HOST: withDefault(
    host,
    '127.0.0.1',
    'Address of the admin plane. One that is not loopback needs an `ADMIN_TOKEN` of at least 32 characters.',
  ),
  ADMIN_PORT: withDefault(whole(0, 65535), 9901, 'Port of the admin plane; 0 takes any free one.'),
  ADMIN_TOKEN: optional(token, 'none', 'Bearer token that the admin plane asks for.'),
  ADMIN_ALLOWED_HOSTS: withDefault(
    hosts,
    [],
    'What the `Host` field of a request to the admin plane may say besides the bound address and `localhost`.',
  ),
  WORKERS: withDefault(
    whole(1, 256),
    (machine) => defaultWorkers(machine.parallelism),
    'HTTP worker threads.',
    {
      defaultText: 'available parallelism, at most the CPU quota of the container, rounded up',
    },
  ),
  SHARDING: withDefault(
    oneOf('acceptor', 'reuseport'),
    'acceptor',
    'How connections reach workers: the primary accepts and hands sockets to them, or (Linux) each worker listens ' +
      'itself and the kernel spreads, which is cheaper for short connections and blind to how workers are.',
  ),
  SERVICES: optional(serviceNames, 'all', 'The services this process mounts.'),
} satisfies Table;
