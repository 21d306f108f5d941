// Opens the primary's own listener on the core that runs. The other core is not loaded.
import type { Settings } from '../config.js';
import type { CountedPlaceholderOptions, PlaceholderListener } from './placeholder-listener.js';

/** The listener does not listen yet. */
export async function openPlaceholder(
  core: Settings['httpCore'],
  options: CountedPlaceholderOptions,
): Promise<PlaceholderListener> {
  if (core === 'uws') return new (await import('./uws-placeholder.js')).UwsPlaceholder(options);
  return new (await import('./node-placeholder.js')).NodePlaceholder(options);
}
