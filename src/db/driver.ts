// The PostgreSQL driver `pg`, loaded only when a connection is first made: loading it takes 30 ms in every
// thread, also in a process without a database. It is loaded by `require`, because the places that need it
// cannot await an import.
import { createRequire } from 'node:module';
import type pg from 'pg';
import { lazyModule } from '../lazy-module.js';

const require = createRequire(import.meta.url);

/**
 * Returns the driver. @throws OutOfFilesError when it is not loaded yet and there is no file descriptor to
 * load it
 */
export const driver = lazyModule(() => require('pg') as typeof pg);
