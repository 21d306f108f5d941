// The message about routes that cannot be registered, at a start and where they are only listed.
import type { ConfigError } from '../errors.js';
import { UnpreparedError } from '../server/mounted-applications.js';
import { DeclaredTwiceError } from '../server/mounted-routes.js';
import { formatLocation, loadingError, projectLocation } from '../user-code/project-error.js';
import type { UnreachableError } from '../user-code/unreachable.js';
import { SYSTEM } from './system-routes.js';

/**
 * @param thrown what mounting has thrown, or a mounted application at its start
 * @param configFile the file that declares the services; undefined for the reference shop
 */
export function registrationError(
  thrown: unknown,
  configFile: string | undefined,
): ConfigError | UnreachableError {
  const file = configFile && formatLocation(configFile);
  if (thrown instanceof UnpreparedError) return preparationError(thrown, file);
  const next = thrown instanceof DeclaredTwiceError ? nextStep(thrown) : undefined;
  return loadingError(thrown, 'while routes are registered', { file, ...(next && { next }) });
}

/** An application fails in its own code, which is the place to name: that of its declaration is correct. */
function preparationError(
  { what, declaration, cause }: UnpreparedError,
  file?: string,
): ConfigError | UnreachableError {
  const mounted = projectLocation(declaration) ?? file;
  const place = mounted === undefined ? '' : ` at ${mounted}`;
  return loadingError(cause, `while the application of ${what}${place}, is prepared`, { file: mounted });
}

function nextStep({ first, owner }: DeclaredTwiceError): string | undefined {
  const place = first && projectLocation(first);
  if (place) return `The first one is at ${place}: change or remove one of them.`;
  if (owner !== SYSTEM) return undefined;
  return 'The runtime serves that path itself: choose another one, or change HEALTH_PATH, READY_PATH or `openapi`.';
}
