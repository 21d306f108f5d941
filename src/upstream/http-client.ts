// undici, loaded with the first call or probe over HTTP and not before: it costs every thread 60 ms at start, and
// services of one process call each other without it. `require`, because it is CommonJS anyway.
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

export function httpClient(): typeof import('undici') {
  return require('undici') as typeof import('undici');
}
