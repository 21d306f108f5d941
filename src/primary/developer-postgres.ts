// The embedded PostgreSQL that `multilane dev` runs for this process, and keeps over its restarts. This
// process only uses it: it claims no DATA_DIR and stops nothing.
import type { Settings } from '../config.js';
import { StartError } from '../errors.js';
import type { Embedded } from '../postgres/embedded.js';
import { onDevMessage, type PostgresReply, type PostgresRequest } from '../process/dev-channel.js';
import type { EmbeddedServer } from './embedded-server.js';

export class DeveloperPostgres implements Pick<EmbeddedServer, 'start' | 'stop' | 'discard'> {
  readonly #dataDir: string;

  constructor({ dataDir }: Pick<Settings, 'dataDir'>) {
    this.#dataDir = dataDir;
  }

  /** @throws StartError with the reason why `dev` cannot start it */
  async start(): Promise<Embedded> {
    const reply = await new Promise<PostgresReply>((resolve) => {
      onDevMessage(process, 'postgres', resolve);
      const request: PostgresRequest = { dev: 'postgres', dataDir: this.#dataDir };
      // When the channel is closed, `dev` has ended, and so does this process.
      process.send?.(request, undefined, undefined, () => undefined);
    });
    if ('failure' in reply) throw new StartError(reply.failure);
    const nothing = (): Promise<void> => Promise.resolve();
    return { ...reply.server, adopted: true, onExit: () => undefined, stop: nothing, discard: nothing };
  }

  async stop(): Promise<void> {
    // It is left to `dev`.
  }

  discard(): void {
    // The DATA_DIR is claimed by `dev`, which notices its loss.
  }
}
