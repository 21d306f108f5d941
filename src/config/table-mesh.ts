// Settings of the registry and of cooperating processes.
import { LOOPBACK_AND_PRIVATE } from '../address-ranges.js';
import { cidrs, host } from './network-kinds.js';
import { optional, type Table, withDefault } from './setting.js';
import { longToken, oneOf, path } from './setting-kinds.js';

export const MESH_SETTINGS = {
  REGISTRY: withDefault(
    oneOf('local'),
    'local',
    'Where instances of services are registered: in this process.',
  ),
  REGISTRY_ALLOW: withDefault(
    cidrs,
    LOOPBACK_AND_PRIVATE,
    'Addresses that instances may register with. Every one more is a place this process can be made to call.',
    { defaultText: 'loopback and private ranges' },
  ),
  REGISTRY_ACCEPT_TOKENS_FILE: optional(
    path,
    'none',
    'File of lines `token service,service…`: who may register instances, and of which services. Tokens have at ' +
      'least 32 characters.',
  ),
  ADVERTISE_HOST: optional(
    host,
    '`HOST` when it is one address, else 127.0.0.1',
    'Address that others reach the data plane by. The data plane must be bound to it.',
  ),
  MESH_TOKEN: optional(
    longToken,
    'none',
    'Shared secret of cooperating processes: with it, `internal` routes can be reached over the network. Calls ' +
      'carry a value made from it for the called service, never the secret itself.',
  ),
} satisfies Table;
