// The settings of the gRPC workers. They exist where a mounted service declares `grpc`.
import { DEFAULT_PORT } from './grpc-checks.js';
import { host } from './network-kinds.js';
import { optional, type Table, withDefault } from './setting.js';
import { oneOf, path, whole } from './setting-kinds.js';

export const GRPC_SETTINGS = {
  GRPC_HOST: optional(
    host,
    'from `HOST`',
    'Address on which gRPC is served, where a service declares methods.',
  ),
  GRPC_PORT: withDefault(
    whole(0, 65535),
    DEFAULT_PORT,
    'Port of the first gRPC worker; each further one has the next port. 0: any free port for each.',
  ),
  GRPC_WORKERS: withDefault(
    whole(1, 64),
    1,
    'gRPC worker threads, each with a port of its own and an instance in the registry. One thread serves a core.',
  ),
  GRPC_REFLECTION: withDefault(
    oneOf('off', 'on'),
    'off',
    'Whether clients may read the definitions of the services (grpc.reflection.v1).',
  ),
  GRPC_TLS_CERT_FILE: optional(
    path,
    'plain text',
    'PEM file of the TLS certificate of the gRPC ports, followed by its intermediate certificates. It is read when a ' +
      'worker starts, so a reload applies a renewed certificate.',
  ),
  GRPC_TLS_KEY_FILE: optional(
    path,
    'plain text',
    'PEM file of the private key of that certificate, which must not be encrypted.',
  ),
  GRPC_TLS_CLIENT_CA_FILE: optional(
    path,
    'clients need no certificate',
    'PEM file of the authorities whose certificates clients of gRPC must have (mutual TLS).',
  ),
} satisfies Table;
