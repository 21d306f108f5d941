// The settings of the registry and of cooperating processes.
import { LOOPBACK_AND_PRIVATE } from '../address-ranges.js';
import { services } from './gateway-policies.js';
import { cidrs, host, registryUrl } from './network-kinds.js';
import { optional, type Table, withDefault } from './setting.js';
import { longToken, path } from './setting-kinds.js';

export const MESH_SETTINGS = {
  REGISTRY: withDefault(
    registryUrl,
    'local',
    'Registry of the instances of services: that of this process alone (`local`), or one that several processes ' +
      'share: a PostgreSQL database, in which they need sessions; etcd (`etcds://` with TLS); or the admin plane of another process.',
  ),
  REGISTRY_TOKEN: optional(
    longToken,
    'none',
    'Token towards the admin plane that `REGISTRY` names, of its `REGISTRY_ACCEPT_TOKENS_FILE` or its `ADMIN_TOKEN`.',
  ),
  REGISTRY_ALLOW: withDefault(
    cidrs,
    LOOPBACK_AND_PRIVATE,
    'Addresses that instances may register with. Every additional address is one that this process can be made to call.',
    { defaultText: 'loopback and private ranges' },
  ),
  REGISTRY_ACCEPT_TOKENS_FILE: optional(
    path,
    'none',
    'File with lines `token service,service…`: tokens that may register instances, each with its services. Tokens ' +
      'have at least 32 characters.',
  ),
  ADVERTISE_HOST: optional(
    host,
    '`HOST` when it is one address; else 127.0.0.1, or with a shared `REGISTRY` the local address of a connection to it',
    'Address by which other processes reach the data plane. The data plane must be bound to it.',
  ),
  MESH_TOKEN: optional(
    longToken,
    'none',
    'Shared secret of cooperating processes, with which `internal` routes can be reached over the network. Calls ' +
      'carry a value that is derived from it for the called service, never the secret itself.',
  ),
  GATEWAY: withDefault(
    services,
    [],
    'Services that are reachable under `/svc/SERVICE/`, in whatever process and language their instances run; `off`: ' +
      'none. A configuration file may give an object of policies by service in its place.',
    { defaultText: '`off`' },
  ),
} satisfies Table;
