// Writes the log lines of a thread. Except under pm2 (log-batches.ts), every thread writes to descriptor 1
// itself, with one write(2) per line. The kernel keeps a write to a pipe of up to PIPE_BUF bytes in one piece
// (pipe(7)), so lines of different threads never mix, and the last line before a crash is written. A longer
// line is shortened, because it could be torn apart.
//
// A pipe or terminal is reopened in non-blocking mode. When its reader stops, lines are buffered up to a
// limit, further lines are dropped and counted, and the server continues. A closed stdout loses only the
// logs.
import { type BigIntStats, constants, fstatSync, openSync, writeSync } from 'node:fs';
import { isatty } from 'node:tty';
import { MAX_RING_LINE, type RingMemory, RingWriter } from '../memory/line-ring.js';
import { shortenLine } from './log-shorten.js';

export interface LogSink {
  /**
   * @param line one JSON object and a newline
   * @param format returns the text to be written for a line
   */
  write(line: string, format: (line: string) => string): void;
  /** Writes the buffered lines. @param patienceMs longest time that the thread may block for a slow reader */
  flush(patienceMs?: number): void;
}

/** Writes bytes without blocking. Returns the number of bytes written; throws the system's error. */
export type WriteBytes = (bytes: Uint8Array) => number;

/** What has become of lines; `lost`: of one of them at least. */
export type LinesState = 'written' | 'waiting' | 'lost';

export interface SinkLimits {
  /** Longest line, in bytes, that is not shortened. */
  readonly maxLine: number;
  /** Bytes that are buffered at most while the reader does not read. */
  readonly maxWaiting: number;
  readonly retryMs: number;
}

/** Writes to a pipe of up to this many bytes are atomic on Linux (pipe(7)). */
const PIPE_BUF = 4096;
/** The longest time that an ending thread waits for its reader, because the last lines matter most. */
const EXIT_PATIENCE_MS = 250;
const DEFAULTS = { maxWaiting: 1 << 20, retryMs: 20 };

const ignore = (): void => undefined;

/**
 * The standard output of the process, for the calling thread. Lines that are buffered when the thread ends
 * are written then.
 * @param dropped called for each line that is lost
 */
export function stdoutSink(dropped: () => void = ignore): LineSink {
  const stats = statOf(1);
  const shared = stats?.isFIFO() === true || stats?.isSocket() === true;
  // A terminal may stop reading too: by Ctrl-S, or because its connection is lost.
  const mayStop = stats?.isFIFO() === true || (stats?.isCharacterDevice() === true && isatty(1));
  const fd = mayStop ? ownDescription(1) : 1;
  const limits = { ...DEFAULTS, maxLine: shared ? PIPE_BUF : Number.POSITIVE_INFINITY };
  const sink = new LineSink((bytes) => writeSync(fd, bytes), limits, dropped);
  process.once('exit', () => sink.flush(EXIT_PATIENCE_MS));
  return sink;
}

/** The log ring of the calling thread, which the primary reads (log-batches.ts). */
export function ringSink(memory: RingMemory, dropped: () => void): LineSink {
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
 * The status of a descriptor; undefined when it is closed, which the first write reports. It must be read as
 * bigints: with numbers, Node.js 20 to 24 leaves the result in a buffer that its realpath reads. After the
 * status of a pipe, realpath then no longer follows links, and the thread loads modules a second time by
 * other paths.
 */
function statOf(fd: number): BigIntStats | undefined {
  try {
    return fstatSync(fd, { bigint: true });
  } catch {
    return undefined;
  }
}

/**
 * Opens the pipe or terminal again, so that O_NONBLOCK is not set for other processes that share it. Where
 * that is impossible (not Linux, another owner, no reader), the inherited descriptor is used.
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
  /** Lines that were written, and those that are buffered. */
  #kept = 0;
  /** Lines that were buffered and then dropped. */
  #droppedLater = 0;
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
      // The shortened line is formatted too, so leave as much room as the formatter added before.
      const added = Math.max(0, bytes.length - Buffer.byteLength(line));
      bytes = Buffer.from(format(shortenLine(line, Math.max(maxLine / 4, maxLine - added))));
    }
    this.#kept++;
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
    if (this.#dropped > 0 && this.#waiting.length === 0 && !this.#closed) this.#reportDropped();
  }

  /**
   * @returns a function that tells what has become of the lines before this call. They count as lost when
   *   lines were dropped and that is not reported yet
   */
  mark(): () => LinesState {
    const [kept, droppedLater, isLost] = [this.#kept, this.#droppedLater, this.#dropped > 0];
    return () => {
      if (isLost || this.#closed || this.#droppedLater !== droppedLater) return 'lost';
      return this.#kept - this.#waiting.length >= kept ? 'written' : 'waiting';
    };
  }

  #retry(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    for (const bytes of waiting) {
      const before = this.#dropped;
      if (this.#waiting.length > 0) this.#wait(bytes);
      else this.#attempt(bytes);
      if (this.#dropped > before) this.#droppedLater++;
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
        // The reader has closed the pipe. After any other error (a full disk) only this line is lost.
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
    this.#kept--;
    this.#dropped++;
    this.#lost();
  }

  #reportDropped(): void {
    const dropped = this.#dropped;
    this.#dropped = 0;
    const line = { level: 40, time: Date.now(), pid: process.pid, dropped, msg: 'log lines dropped' };
    this.#kept++;
    this.#attempt(Buffer.from(`${JSON.stringify(line)}\n`));
  }
}
