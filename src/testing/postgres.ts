// `startPostgres`: starts the PostgreSQL that Multilane embeds, on a temporary folder.
import { rm } from 'node:fs/promises';
import { socketDirectory } from '../config/socket-directory.js';
import { Countdown } from '../countdown.js';
import type { EmbeddedOptions } from '../postgres/embedded.js';
import { startEmbedded } from '../postgres/start-embedded.js';
import { createLogger } from '../telemetry/log.js';
import { newDataDir } from './data-dir.js';

/** A PostgreSQL server for tests. */
export interface TestPostgres {
  /** The URL of the server, with its maintenance database in the path. It contains the password. */
  readonly url: string;
  /** Stops the server and removes its data. */
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** The time that the server has for its stop. A stop takes a tenth of a second, on a busy machine more. */
const STOPS_MS = 5_000;

/**
 * The options of a server whose folder is new, so that no other process can use it. It has a substitute for
 * the owner lock, which always reports that this process holds it, and a signal that never aborts.
 */
export const SOLE_OWNER: Pick<EmbeddedOptions, 'lock' | 'signal'> = {
  lock: { status: async () => 'eldest', leave: async () => true },
  signal: new AbortController().signal,
};

/**
 * Starts a PostgreSQL server, which takes about a second. One server for a file of tests, or for all of them,
 * is enough, since every test app creates databases of its own there.
 * @throws StartError when the server does not start
 * @example
 *   const postgres = await startPostgres();
 *   const app = await createTestApp({ config, databaseUrl: postgres.url });
 *   // in `after`, in this order: the app drops its databases
 *   await app.close();
 *   await postgres.stop();
 */
export async function startPostgres(): Promise<TestPostgres> {
  const dataDir = newDataDir();
  const log = createLogger({ logLevel: 'silent', logFormat: 'json' });
  const remove = (): Promise<void> => rm(dataDir, { recursive: true, force: true });
  try {
    const socketDir = socketDirectory({ dataDir });
    const embedded = await startEmbedded({ dataDir, socketDir, log, ...SOLE_OWNER });
    const stop = async (): Promise<void> => {
      await embedded.stop(new Countdown(STOPS_MS));
      await remove();
    };
    return { url: embedded.url, stop, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await remove();
    throw error;
  }
}
