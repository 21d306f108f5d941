// The contract of the embedded PostgreSQL: real PostgreSQL binaries, one cluster under DATA_DIR/pg, reachable
// through a Unix socket and nothing else. start-embedded.ts starts or adopts it, step by step;
// supervised-postgres.ts watches it, and embedded-stop.ts stops it.
//
// PostgreSQL runs in a session of its own, and Multilane stops it as the last thing it does. If Multilane is
// killed, PostgreSQL stays, idle, and the next start on the same DATA_DIR adopts it: without recovery and
// without a wait. (The alternative, a death signal of the kernel by `setpriv --pdeathsig`, belongs to the
// thread that forked, is lost when credentials change, and would take the database away from a successor that
// is about to take over.)
//
// The caller must hold the owner lock of DATA_DIR. It makes sure that no other process uses the folder, and
// it says which of two processes in a slot of pm2 starts PostgreSQL and which one stops it.
import type { Countdown } from '../countdown.js';
import type { OwnerLock } from '../process/owner-lock.js';
import type { Log } from '../telemetry/log.js';

export interface EmbeddedOptions {
  /** Absolute path. Created if missing. */
  readonly dataDir: string;
  /** Absolute path of at most 90 bytes (a socket's path may have 107). Created with mode 0700. */
  readonly socketDir: string;
  readonly lock: Pick<OwnerLock, 'status' | 'leave'>;
  readonly log: Log;
  /**
   * Ends the start: waiting for an elder process, or a PostgreSQL that is being started, which is stopped.
   */
  readonly signal: AbortSignal;
  /**
   * How long processes of an earlier PostgreSQL may take to notice that their postmaster is gone, in
   * milliseconds.
   * @default 10000
   */
  readonly orphansMs?: number;
}

export interface Embedded {
  /** URL of the maintenance database; contains the password. */
  readonly url: string;
  readonly maxConnections: number;
  /** True when PostgreSQL was already running on this folder and was adopted. */
  readonly adopted: boolean;
  readonly pid: number;
  /** @param callback called when PostgreSQL has ended by itself; it is then being started again */
  onExit(callback: (reason: string) => void): void;
  /**
   * Stops PostgreSQL, in order or else harder, within the time that is left. Resolves when no process of it
   * is left. If a successor uses it, PostgreSQL is left running.
   */
  stop(countdown: Countdown): Promise<void>;
  /** Kills PostgreSQL so that it writes nothing more: its folder belongs to another process by now. */
  discard(): Promise<void>;
}
