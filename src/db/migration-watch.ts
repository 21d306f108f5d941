// Watches a migration from a second connection. A migration may take hours, so its statements have no limit
// of time; but the server must respond to the queries of this connection. They also find the session that
// holds the lock for which the migration waits.
import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import type { LimitedClient } from './limited-client.js';

/** How often progress is reported. */
const PROGRESS_EVERY_MS = 10_000;
/** Characters of a query that are shown. */
const QUERY_CHARACTERS = 120;

/** A session that holds the lock. The server hides its query from roles that may not see it. */
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
  /** Connection for the queries, with a limit of time. */
  readonly client: LimitedClient;
  /** Process id of the session that migrates, on the server. */
  readonly pid: number;
  /** Time between two queries, in milliseconds. */
  readonly everyMs: number;
  /** Called about every 10 s, with the time since the start. */
  readonly onProgress: (seconds: number, blocker: Blocker | undefined) => void;
  /** Called once when the server does not respond, which ends the watch. */
  readonly onSilent: (error: Error) => void;
}

export class MigrationWatch {
  /** The last session that the migration was seen waiting for. */
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
    let reportedAt = startedAt;
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
      if (now - reportedAt < PROGRESS_EVERY_MS) continue;
      reportedAt = now;
      onProgress(Math.round((now - startedAt) / 1000), seen);
    }
  }
}
