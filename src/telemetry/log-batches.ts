// Logs under pm2 in cluster mode. There the process shares the standard output of pm2's daemon, and lines
// reach the files of pm2 only through `process.stdout.write` of the main thread, which pm2 has replaced. Each
// call costs a write to the file and a message to the daemon. So every thread writes its lines into a ring,
// and the primary passes them on in batches: at most 20 a second, and the next one only when pm2 has written
// the last. Some versions of pm2 never report that: when `out_file` is /dev/null and there is a `log_file`,
// and after `pm2 reloadLogs` when there is a `log_file`. So a batch counts as written after one second, and a
// slow pm2 gets at most one batch a second.
import { newRingMemory, type RingMemory, RingReader } from '../memory/line-ring.js';

export const BATCH_EVERY_MS = 50;
/** A batch of this size takes lines from no further ring. The remaining rings come first the next time. */
const MAX_BATCH_BYTES = 256 * 1024;
/** A batch counts as written after this time even if pm2 has not reported it. */
export const DONE_WITHIN_MS = 1_000;
/** The longest time that the end of the process waits for pm2. */
const CLOSE_WITHIN_MS = 1_000;

/** Writes text and calls `done` when it is written or cannot be written. */
export type WriteText = (text: string, done: () => void) => void;

/** The log of one thread. */
export interface ThreadLog {
  readonly memory: RingMemory;
  /** @returns a function that tells whether all lines that are in the ring at this call count as written */
  mark(): () => boolean;
  /** Call when the thread has ended. The lines that are still in its ring are passed on. */
  close(): void;
}

/** A batch that was passed to pm2. */
interface Batch {
  /** When it was passed, in milliseconds of the clock `now`. */
  readonly since: number;
}

interface Source {
  readonly reader: RingReader;
  isClosed: boolean;
}

export class LogBatches {
  readonly #write: WriteText;
  /** The rings; the first one is read first in the next batch. */
  #sources: Source[] = [];
  readonly #timer: NodeJS.Timeout;
  readonly #now: () => number;
  #pending: Batch | undefined;
  #written: (() => void) | undefined;

  /** @param now milliseconds of a clock that never goes back */
  constructor(write: WriteText, now = () => performance.now()) {
    this.#write = write;
    this.#now = now;
    this.#timer = setInterval(() => this.pass(), BATCH_EVERY_MS).unref();
  }

  open(): ThreadLog {
    const memory = newRingMemory();
    const source: Source = { reader: new RingReader(memory), isClosed: false };
    this.#sources.push(source);
    return {
      memory,
      mark: () => this.#mark(source.reader),
      close: () => {
        source.isClosed = true;
      },
    };
  }

  /** Passes on one batch, if there are lines and pm2 has written the last batch. */
  pass(): void {
    const now = this.#now();
    if (this.#pending !== undefined && now - this.#pending.since < DONE_WITHIN_MS) return;
    this.#pending = undefined;
    const text = this.#gather(MAX_BATCH_BYTES);
    if (text === '') return;
    const batch = { since: now };
    this.#pending = batch;
    try {
      this.#write(text, () => this.#done(batch));
    } catch {
      // pm2 is gone; a restarted pm2 may write the next batch.
      this.#done(batch);
    }
  }

  /** Passes on all remaining lines. Resolves when they are written, or when pm2 takes too long. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    const until = performance.now() + CLOSE_WITHIN_MS;
    for (;;) {
      this.pass();
      if (this.#pending === undefined) return;
      const leftMs = until - performance.now();
      if (leftMs <= 0) return;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.#written = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** Passes on all remaining lines without waiting, because the process ends now. */
  flush(): void {
    const text = this.#gather(Number.POSITIVE_INFINITY);
    if (text !== '') this.#write(text, () => undefined);
  }

  /** Ignores a batch that has already counted as written. */
  #done(batch: Batch): void {
    if (this.#pending !== batch) return;
    this.#pending = undefined;
    this.#written?.();
  }

  #mark(reader: RingReader): () => boolean {
    const isTaken = reader.mark();
    let isPassed = false;
    let batch: Batch | undefined;
    return () => {
      if (!isPassed && isTaken()) {
        isPassed = true;
        // The batch that has the lines, or a later one.
        batch = this.#pending;
      }
      return isPassed && (batch === undefined || this.#pending !== batch);
    };
  }

  #gather(mostBytes: number): string {
    const pieces: Buffer[] = [];
    let bytes = 0;
    for (let turns = this.#sources.length; turns > 0 && bytes < mostBytes; turns--) {
      const source = this.#sources.shift()!;
      const piece = source.reader.take();
      if (piece.length > 0) pieces.push(piece);
      bytes += piece.length;
      if (!source.isClosed) this.#sources.push(source);
    }
    return Buffer.concat(pieces).toString();
  }
}
