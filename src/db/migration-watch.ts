// Watches, on a second connection, the session that migrates: a migration may take hours, so its statements
// have no time limit, but the server must answer here. It also knows which session the migration waits for.
import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import type { LimitedClient } from './limited-client.js';

/** How often progress is published. */
const PROGRESS_EVERY_MS = 10_000;
const QUERY_CHARACTERS = 120;

/** A session that holds a lock. Its query is hidden from roles that may not see it. */
export interface Blocker {
  readonly pid: number;
  readonly application: string;
  readonly query: string;
}

const BLOCKER = `
  select b.pid, b.application_name as application, left(b.query, ${QUERY_CHARACTERS}) as query
    from pg_stat_activity a, unnest(pg_blocking_pids(a.pid)) p, pg_stat_activity b
   where a.pid = $1 and a.wait_event_type = 'Lock' and b.pid = p
   order by b.xact_start nulls last
   limit 1`;

export interface WatchOptions {
  /** A connection of its own, with a limit on its statements. */
  readonly client: LimitedClient;
  /** Of the session that migrates. */
  readonly pid: number;
  readonly everyMs: number;
  /** Called about every 10 s. */
  readonly onProgress: (seconds: number, blocker: Blocker | undefined) => void;
  /** Called once: the server does not answer. Nothing is watched afterwards. */
  readonly onSilent: (error: Error) => void;
}

export class MigrationWatch {
  /** Whom the session has last been seen waiting for. */
  blocker: Blocker | undefined;
  readonly #stopping = new AbortController();
  readonly #running: Promise<void>;

  constructor(options: WatchOptions) {
    this.#running = this.#run(options);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run({ client, pid, everyMs, onProgress, onSilent }: WatchOptions): Promise<void> {
    const { signal } = this.#stopping;
    const startedAt = performance.now();
    let publishedAt = startedAt;
    for (;;) {
      await delay(everyMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      let seen: Blocker | undefined;
      try {
        seen = (await client.query<Blocker & pg.QueryResultRow>(BLOCKER, [pid])).rows[0];
      } catch (error) {
        onSilent(error as Error);
        return;
      }
      this.blocker = seen ?? this.blocker;
      const now = performance.now();
      if (now - publishedAt < PROGRESS_EVERY_MS) continue;
      publishedAt = now;
      onProgress(Math.round((now - startedAt) / 1000), seen);
    }
  }
}
