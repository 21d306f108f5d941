// The message about routes that cannot be registered, at a start and where they are only listed.
import type { ConfigError } from '../errors.js';
import { DeclaredTwiceError } from '../server/mounted-routes.js';
import { formatLocation, projectError, projectLocation } from '../user-code/project-error.js';

/**
 * @param thrown what mounting has thrown
 * @param configFile the file that declares the services; undefined for the reference shop
 */
export function registrationError(thrown: unknown, configFile: string | undefined): ConfigError {
  const first = thrown instanceof DeclaredTwiceError && thrown.first && projectLocation(thrown.first);
  return projectError(thrown, 'while routes are registered', {
    file: configFile && formatLocation(configFile),
    ...(first && { next: `The first one is at ${first}: change or remove one of them.` }),
  });
}
