// Where log lines leave a thread. But under pm2 (log-batches.ts), every thread writes descriptor 1 itself,
// one write(2) a line: the kernel keeps a write to a pipe whole up to PIPE_BUF bytes (pipe(7)), so lines of
// different threads never mix, and the last line before a crash is out. A line longer than that is shortened
// rather than torn.
//
// A pipe or terminal is opened anew without blocking: when its reader stops, lines wait here (up to a limit,
// then they are dropped and counted) and the server goes on. A closed stdout loses the logs and nothing else.
import { type BigIntStats, constants, fstatSync, openSync, writeSync } from 'node:fs';
import { isatty } from 'node:tty';
import { MAX_RING_LINE, type RingMemory, RingWriter } from '../memory/line-ring.js';
import { shortenLine } from './log-shorten.js';

export interface LogSink {
  /** @param line one JSON object and a newline @param format what is written for it */
  write(line: string, format: (line: string) => string): void;
  /** Writes what waits. @param patienceMs how long the thread may be held for a reader that is slow */
  flush(patienceMs?: number): void;
}

/** A non-blocking writer of bytes: returns how many it took, throws the system's error. */
export type WriteBytes = (bytes: Uint8Array) => number;

export interface SinkLimits {
  /** Longest line in bytes that is written whole. */
  readonly maxLine: number;
  /** Bytes that may wait for a reader that has stopped. */
  readonly maxWaiting: number;
  readonly retryMs: number;
}

/** pipe(7): writes of up to this many bytes are atomic on Linux. */
const PIPE_BUF = 4096;
/** The last lines matter most: a thread that ends waits this long for its reader. */
const EXIT_PATIENCE_MS = 250;
const DEFAULTS = { maxWaiting: 1 << 20, retryMs: 20 };

const ignore = (): void => undefined;

/**
 * Standard output of the process, for the calling thread. What waits when the thread ends is written then.
 * @param dropped called for each line that is lost
 */
export function stdoutSink(dropped: () => void = ignore): LogSink {
  const stats = statOf(1);
  const shared = stats?.isFIFO() === true || stats?.isSocket() === true;
  // A terminal stops as well: by Ctrl-S, or behind a connection that is gone.
  const mayStop = stats?.isFIFO() === true || (stats?.isCharacterDevice() === true && isatty(1));
  const fd = mayStop ? ownDescription(1) : 1;
  const limits = { ...DEFAULTS, maxLine: shared ? PIPE_BUF : Number.POSITIVE_INFINITY };
  const sink = new LineSink((bytes) => writeSync(fd, bytes), limits, dropped);
  process.once('exit', () => sink.flush(EXIT_PATIENCE_MS));
  return sink;
}

/** Memory that the primary reads (log-batches.ts), for the thread that it belongs to. */
export function ringSink(memory: RingMemory, dropped: () => void): LogSink {
  const ring = new RingWriter(memory);
  const write = (bytes: Uint8Array): number => {
    if (!ring.push(bytes)) throw Object.assign(new Error('the ring is full'), { code: 'EAGAIN' });
    return bytes.length;
  };
  const sink = new LineSink(write, { ...DEFAULTS, maxLine: MAX_RING_LINE }, dropped);
  process.once('exit', () => sink.flush(EXIT_PATIENCE_MS));
  return sink;
}

/**
 * undefined when the descriptor is closed: writing to it will say so. With numbers in place of bigints,
 * Node.js would leave the result where its realpath reads it: behind that of a pipe it stops following links
 * (20 to 24), and the modules that a thread loads next are other ones than it has already.
 */
function statOf(fd: number): BigIntStats | undefined {
  try {
    return fstatSync(fd, { bigint: true });
  } catch {
    return undefined;
  }
}

/**
 * The same pipe or terminal under a file description of our own, so that O_NONBLOCK is not forced on others
 * who share it. Where that cannot be (not Linux, another owner, no reader left) the inherited one serves.
 */
function ownDescription(fd: number): number {
  try {
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch {
    return fd;
  }
}

const codeOf = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error ? String(error.code) : undefined;

export class LineSink implements LogSink {
  readonly #writeBytes: WriteBytes;
  readonly #limits: SinkLimits;
  readonly #lost: () => void;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #dropped = 0;
  #closed = false;
  #timer: NodeJS.Timeout | undefined;

  /** @param lost called for each line that is dropped */
  constructor(writeBytes: WriteBytes, limits: SinkLimits, lost: () => void = ignore) {
    this.#writeBytes = writeBytes;
    this.#limits = limits;
    this.#lost = lost;
  }

  write(line: string, format: (line: string) => string): void {
    if (this.#closed) return;
    const { maxLine } = this.#limits;
    let bytes = Buffer.from(format(line));
    if (bytes.length > maxLine) {
      // What the formatter adds or masks is not known beforehand: leave it as much room as it took.
      const added = Math.max(0, bytes.length - Buffer.byteLength(line));
      bytes = Buffer.from(format(shortenLine(line, Math.max(maxLine / 4, maxLine - added))));
    }
    if (bytes.length > maxLine) this.#drop();
    else if (this.#waiting.length > 0) this.#wait(bytes);
    else this.#attempt(bytes);
  }

  flush(patienceMs = 0): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const end = performance.now() + patienceMs;
    do this.#retry();
    while (this.#waiting.length > 0 && performance.now() < end);
    if (this.#dropped > 0 && this.#waiting.length === 0 && !this.#closed) this.#tellDropped();
  }

  #retry(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    for (const bytes of waiting) {
      if (this.#waiting.length > 0) this.#wait(bytes);
      else this.#attempt(bytes);
    }
  }

  #attempt(bytes: Uint8Array): void {
    let rest = bytes;
    while (rest.length > 0 && !this.#closed) {
      try {
        rest = rest.subarray(this.#writeBytes(rest));
      } catch (error) {
        const code = codeOf(error);
        if (code === 'EINTR') continue;
        // The reader is gone for good; anything else (a full disk) costs this line only.
        if (code === 'EPIPE' || code === 'EBADF') this.#closed = true;
        if (code === 'EAGAIN') this.#wait(rest);
        else this.#drop();
        return;
      }
    }
  }

  #wait(bytes: Uint8Array): void {
    if (this.#waitingBytes + bytes.length > this.#limits.maxWaiting) {
      this.#drop();
      return;
    }
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    this.#timer ??= setTimeout(() => this.flush(), this.#limits.retryMs).unref();
  }

  #drop(): void {
    this.#dropped++;
    this.#lost();
  }

  #tellDropped(): void {
    const dropped = this.#dropped;
    this.#dropped = 0;
    const line = { level: 40, time: Date.now(), pid: process.pid, dropped, msg: 'log lines dropped' };
    this.#attempt(Buffer.from(`${JSON.stringify(line)}\n`));
  }
}
