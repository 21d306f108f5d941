// The message about routes that cannot be registered, at a start and where they are only listed.
import type { ConfigError } from '../errors.js';
import { NotPreparedError } from '../server/mounted-applications.js';
import { DeclaredTwiceError } from '../server/mounted-routes.js';
import { formatLocation, loadingError, projectLocation } from '../user-code/project-error.js';
import type { UnreachableError } from '../user-code/unreachable.js';
import { SYSTEM } from './system-routes.js';

/**
 * @param thrown what mounting has thrown
 * @param configFile the file that declares the services; undefined for the reference shop
 */
export function registrationError(
  thrown: unknown,
  configFile: string | undefined,
): ConfigError | UnreachableError {
  const next = thrown instanceof DeclaredTwiceError ? nextStep(thrown) : undefined;
  const details = { file: configFile && formatLocation(configFile), ...(next && { next }) };
  const reason = thrown instanceof NotPreparedError ? thrown.reason : thrown;
  return loadingError(thrown, 'while routes are registered', details, reason);
}

function nextStep({ first, owner }: DeclaredTwiceError): string | undefined {
  const place = first && projectLocation(first);
  if (place) return `The first one is at ${place}: change or remove one of them.`;
  if (owner !== SYSTEM) return undefined;
  return 'The runtime serves that path itself: choose another one, or change HEALTH_PATH, READY_PATH or `openapi`.';
}
