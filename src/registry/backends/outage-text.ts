// What is wrong with a shared registry, in the words of the log and of `/readyz`: a server that responds and
// refuses this process is not one that cannot be reached.
import { EtcdRefusal, NO_SPACE } from './etcd-api.js';
import { RegistryFailure } from './http-api.js';

/** Classes of SQLSTATE: read-only transactions, authorization, an unknown database, rights and objects. */
const REFUSED_BY_POSTGRES = /^(?:25|28|3D|42)/;
/** Classes of SQLSTATE: a lost connection, and a server that starts or stops. */
const AWAY = /^(?:08|57P)/;
/** Codes of Node.js, such as EPIPE, have no digit. */
const SQLSTATE = /^(?=.*\d)[0-9A-Z]{5}$/;

/** @returns what follows "the registry" */
export function outageText(error: Error): string {
  if (error instanceof RegistryFailure) return httpText(error);
  const code = String((error as { readonly code?: unknown }).code);
  if (error instanceof EtcdRefusal && error.message.includes(NO_SPACE))
    return `has no room left (${error.message})`;
  if (error instanceof EtcdRefusal || REFUSED_BY_POSTGRES.test(code))
    return `refuses this process (${error.message}): check user, password and database in REGISTRY`;
  return SQLSTATE.test(code) && !AWAY.test(code)
    ? `responds with an error (${code}: ${error.message})`
    : 'cannot be reached';
}

function httpText({ status, message }: RegistryFailure): string {
  if (status === 401 || status === 403)
    return `refuses this process (${status}: ${message}): check REGISTRY_TOKEN`;
  if (status === 404)
    return 'responds like no admin plane (status 404): REGISTRY must name the ADMIN_PORT of a process';
  return `responds with status ${status} (${message})`;
}
