// The PostgreSQL driver, loaded when a connection is first made and not before: it costs every thread 30 ms at
// start, also in a process without a database. `require`, because who needs it cannot wait, and because it is
// CommonJS anyway.
import { createRequire } from 'node:module';
import type pg from 'pg';

const require = createRequire(import.meta.url);

export function driver(): typeof pg {
  return require('pg') as typeof pg;
}
