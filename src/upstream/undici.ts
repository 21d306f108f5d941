// Loads undici only where it is needed, because it takes 70 ms of CPU and 8 MiB: in threads whose services
// use `call` (before they are ready), and in the thread that makes health checks. `require` is used because
// undici is CommonJS.
import { createRequire } from 'node:module';
import { lazyModule } from '../lazy-module.js';

const require = createRequire(import.meta.url);

/** @throws OutOfFilesError when it is not loaded yet and the process has no file descriptors for that */
export const loadUndici = lazyModule(() => require('undici') as typeof import('undici'));
