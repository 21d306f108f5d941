// `startPostgres`: a PostgreSQL of the test's own, the one that Multilane embeds, on a folder that goes with
// it.
import { rm } from 'node:fs/promises';
import { socketDirectory } from '../config/socket-directory.js';
import { Countdown } from '../countdown.js';
import type { EmbeddedOptions } from '../postgres/embedded.js';
import { startEmbedded } from '../postgres/start-embedded.js';
import { createLogger } from '../telemetry/log.js';
import { newDataDir } from './data-dir.js';

export interface TestPostgres {
  /** The server, with its maintenance database in the path; holds the password. */
  readonly url: string;
  /** Ends it and removes its data. */
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Stopping it in order takes a tenth of a second, on a busy machine more. */
const STOPS_MS = 5_000;

/** The lock of a folder that was made for this: nobody else can have it. */
export const SOLE_OWNER: Pick<EmbeddedOptions, 'lock' | 'signal'> = {
  lock: { status: async () => 'eldest', leave: async () => true },
  signal: new AbortController().signal,
};

/**
 * Takes about a second: one for a file of tests, or for all of them, is enough, since every test app gets
 * databases of its own there.
 * @throws StartError
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
