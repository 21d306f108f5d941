// undici, loaded by the threads whose services take `call`, before they are ready, and by the first that
// probes: it costs 70 ms of CPU and 8 MiB. `require`, because it is CommonJS anyway.
import { createRequire } from 'node:module';
import { lazyModule } from '../lazy-module.js';

const require = createRequire(import.meta.url);

/** @throws OutOfFilesError when it is not loaded yet and the process has no file descriptors for that */
export const loadUndici = lazyModule(() => require('undici') as typeof import('undici'));
