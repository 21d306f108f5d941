// The PostgreSQL driver, loaded when a connection is first made and not before: it costs every thread 30 ms
// at start, also in a process without a database. `require`, because who needs it cannot wait, and because it
// is CommonJS anyway.
import { createRequire } from 'node:module';
import type pg from 'pg';
import { lazyModule } from '../lazy-module.js';

const require = createRequire(import.meta.url);

/** @throws OutOfFilesError when it is not loaded yet and the process has no file descriptors for that */
export const driver = lazyModule(() => require('pg') as typeof pg);
