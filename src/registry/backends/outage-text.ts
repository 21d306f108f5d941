// What is wrong with a shared registry, in the words of the log and of `/readyz`: a server that responds and
// refuses this process is not one that cannot be reached.
import { EtcdRefusal } from './etcd-api.js';
import { RegistryFailure } from './http-api.js';

/** Classes of SQLSTATE: authorization, an unknown database, rights and objects. */
const REFUSED_BY_POSTGRES = /^(?:28|3D|42)/;

/** @returns what follows "the registry" */
export function outageText(error: Error): string {
  if (error instanceof RegistryFailure) return httpText(error);
  const { code } = error as { readonly code?: unknown };
  const isRefused =
    error instanceof EtcdRefusal || (typeof code === 'string' && REFUSED_BY_POSTGRES.test(code));
  return isRefused
    ? `refuses this process (${error.message}): check user, password and database in REGISTRY`
    : 'cannot be reached';
}

function httpText({ status, message }: RegistryFailure): string {
  if (status === 401 || status === 403)
    return `refuses this process (${status}: ${message}): check REGISTRY_TOKEN`;
  if (status === 404)
    return 'responds like no admin plane (status 404): REGISTRY must name the ADMIN_PORT of a process';
  return `responds with status ${status} (${message})`;
}
