// The lock of a process that nobody shares PostgreSQL with: what the owner lock says when there is no pm2.
import type { EmbeddedOptions } from '#src/db/embedded.js';

export const SOLE_OWNER: Pick<EmbeddedOptions, 'lock' | 'signal'> = {
  lock: { standing: async () => 'eldest', leave: async () => true },
  signal: new AbortController().signal,
};
