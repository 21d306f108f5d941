// What counts as an application of the fetch standard. It is a file of its own, because `defineService` needs
// no more, and whatever imports `multilane` loads it.
import type { FetchApplication } from '../handler.js';

export const isFetchApplication = (value: unknown): value is FetchApplication =>
  typeof value === 'function' ||
  (typeof value === 'object' && value !== null && 'fetch' in value && typeof value.fetch === 'function');
