// undici, loaded by the threads whose services take `call`, before they are ready, and by the first that
// probes: it costs 70 ms of CPU and 8 MiB. `require`, because it is CommonJS anyway.
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

export function httpClient(): typeof import('undici') {
  return require('undici') as typeof import('undici');
}
