// Logs under pm2 in cluster mode. There standard output of the process is that of pm2's daemon; what is to
// reach the files of pm2 has to go through `process.stdout.write` of the main thread, which pm2 has replaced,
// and each call of it is a write to the file and a message to the daemon. So all threads leave their lines in
// rings, and the primary passes them on in batches: at most 20 times a second, whatever is logged, and none
// before pm2 is done with the one before. Some versions of pm2 never say so (`out_file` is /dev/null beside a
// `log_file`; after `pm2 reloadLogs` with one), so after a second a batch counts as done. Should pm2 be slow
// instead, it is given one batch a second at most.
import { newRingMemory, type RingMemory, RingReader } from '../memory/line-ring.js';

export const BATCH_EVERY_MS = 50;
/** A batch takes no further ring once it has this much; the other rings are first the next time. */
const MAX_BATCH_BYTES = 256 * 1024;
/** A batch of which pm2 has said nothing for so long counts as done. */
export const DONE_WITHIN_MS = 1_000;
/** How long the end of the process waits for pm2. */
const CLOSE_WITHIN_MS = 1_000;

/** Writes text; `done` is called when it is out, or cannot be. */
export type WriteText = (text: string, done: () => void) => void;

/** Where one thread leaves its lines. */
export interface ThreadLog {
  readonly memory: RingMemory;
  /** No code of the thread can run any more: what it has left is still passed on. */
  close(): void;
}

/** A batch that pm2 has been given. */
interface Batch {
  /** By the clock of the batches. */
  readonly since: number;
}

interface Source {
  readonly reader: RingReader;
  isClosed: boolean;
}

export class LogBatches {
  readonly #write: WriteText;
  /** In the order of their turns. */
  #sources: Source[] = [];
  readonly #timer: NodeJS.Timeout;
  readonly #now: () => number;
  #underWay: Batch | undefined;
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
      close: () => {
        source.isClosed = true;
      },
    };
  }

  /** One batch, if there are lines and pm2 is done with the last one. */
  pass(): void {
    const now = this.#now();
    if (this.#underWay !== undefined && now - this.#underWay.since < DONE_WITHIN_MS) return;
    this.#underWay = undefined;
    const text = this.#gather(MAX_BATCH_BYTES);
    if (text === '') return;
    const batch = { since: now };
    this.#underWay = batch;
    try {
      this.#write(text, () => this.#done(batch));
    } catch {
      // pm2 has gone; its next files may be there again.
      this.#done(batch);
    }
  }

  /** Passes on what all threads have left, and resolves when it is out, or when pm2 takes too long for it. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    const until = performance.now() + CLOSE_WITHIN_MS;
    for (;;) {
      this.pass();
      if (this.#underWay === undefined) return;
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

  /** The process ends now: what is left goes out behind what pm2 has not written yet. */
  flush(): void {
    const text = this.#gather(Number.POSITIVE_INFINITY);
    if (text !== '') this.#write(text, () => undefined);
  }

  /** A batch that comes so late that it counted as done says nothing about the one under way. */
  #done(batch: Batch): void {
    if (this.#underWay !== batch) return;
    this.#underWay = undefined;
    this.#written?.();
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
