// The flight record of the process on disk: the requests that all workers have in flight, four times a
// second, in a file of DATA_DIR/flight. When the process has been killed, or its native code has crashed, the
// next start reads from it what was in flight (killed-process.ts).
//
// Nothing here may slow the process down or end it. The primary makes the text from shared memory, without
// asking a worker, and a thread of the pool of Node.js writes it. While a write is under way, no other one
// begins. Nothing is written while no request is in flight, and once a second while the same ones are. A
// failed write disables the record.
import type { Logger } from 'pino';
import { errorMessage } from '../error-text.js';
import type { Every } from '../grouped-interval.js';
import { type SlotRequests, slotRequests } from '../memory/slot-requests.js';
import type { FlightRecordMemory } from '../telemetry/recent-requests.js';
import { contentsText } from './contents.js';
import { TEXT_BYTES } from './frames.js';
import { type ReportOptions, reportEndedProcesses, reportKilledProcesses } from './killed-process.js';
import { RecordFile } from './record-file.js';
import { RecordFolder } from './record-folder.js';
import { ThreadRequests, type ThreadText } from './thread-requests.js';

/** Milliseconds between two writes. */
export const WRITE_EVERY_MS = 250;
/** Milliseconds between two writes that show the same requests: they tell that the process lives. */
const SAME_EVERY_MS = 1_000;
/** Milliseconds after which a request is reported for certain: see killed-process.ts. */
const LONG_MS = 500;
/** Default of `checkEveryMs`. */
const CHECK_EVERY_MS = 10_000;
/** Bytes of the contents, and of each thread, beside its requests. */
const CONTENTS_FRAME = 128;
const THREAD_FRAME = 96;

export interface FlightRecordOptions {
  /** Absolute path of DATA_DIR. */
  readonly dataDir: string;
  readonly memory: FlightRecordMemory;
  readonly every: Every;
  readonly log: Pick<Logger, 'warn' | 'fatal'>;
  /** As in `ReportOptions`. */
  readonly written: () => Promise<boolean>;
  /** Called when a write was left out because the one before is still under way. */
  readonly skipped: () => void;
  /**
   * Milliseconds after which a write checks that the file is still in its place, as the first one after
   * idleness always does.
   * @default 10000
   */
  readonly checkEveryMs?: number;
}

export class FlightRecord {
  readonly #options: FlightRecordOptions;
  readonly #slot: ReturnType<typeof slotRequests>;
  readonly #bySlot = new Map<number, ThreadRequests>();
  readonly #opening: Promise<void>;
  /** Aborts when the record is disabled or closed. */
  readonly #ending = new AbortController();
  #file: RecordFile | undefined;
  #stopTimer: (() => void) | undefined;
  /** The write that is under way. */
  #writing: Promise<void> | undefined;
  #checkedAt = Number.NEGATIVE_INFINITY;
  /** Nothing was written at the last tick, because no request was in flight. */
  #isIdle = false;
  /** What the last write said of the threads, of how many requests, and when it was on the shared clock. */
  #written = '';
  #requests = 0;
  #writtenAt = Number.NEGATIVE_INFINITY;

  /** Opens the record in the background: nothing waits for the disk. */
  constructor(options: FlightRecordOptions) {
    this.#options = options;
    this.#slot = slotRequests(options.memory.block);
    this.#opening = this.#open();
  }

  async #open(): Promise<void> {
    const { dataDir, every } = this.#options;
    try {
      const folder = await RecordFolder.open(dataDir);
      await this.#report(reportEndedProcesses, folder);
      if (this.#isEnding) return;
      this.#file = await RecordFile.create(folder);
      if (this.#isEnding) return;
      this.#stopTimer = every(WRITE_EVERY_MS, () => this.#tick());
      void this.#report(reportKilledProcesses, folder, this.#file.name);
    } catch (error) {
      await this.#disable(error);
    }
  }

  get #isEnding(): boolean {
    return this.#ending.signal.aborted;
  }

  async #report(
    report: (options: ReportOptions) => Promise<void>,
    folder: RecordFolder,
    own?: string,
  ): Promise<void> {
    const { log, written } = this.#options;
    try {
      await report({ folder, own, log, written, signal: this.#ending.signal });
    } catch (error) {
      if (this.#isEnding) return;
      log.fatal({ err: error }, `flight records of earlier processes cannot be read: ${errorMessage(error)}`);
    }
  }

  #tick(): void {
    if (this.#writing !== undefined) {
      this.#options.skipped();
      return;
    }
    const { now, texts, requests, newest } = this.#read();
    if (requests === 0 && this.#requests === 0) {
      this.#isIdle = true;
      return;
    }
    const all = texts.join();
    if (all === this.#written) {
      // A timer may ring slightly early.
      const isRecent = now - this.#writtenAt < SAME_EVERY_MS - WRITE_EVERY_MS / 2;
      if (isRecent && this.#writtenAt - newest >= LONG_MS) return;
    }
    this.#written = all;
    this.#requests = requests;
    this.#writtenAt = now;
    this.#writing = this.#write(texts, false)
      .catch((error: unknown) => this.#disable(error))
      .finally(() => {
        this.#writing = undefined;
      });
  }

  #read(): Omit<ThreadText, 'text'> & { readonly now: number; readonly texts: readonly string[] } {
    const { block, clock } = this.#options.memory;
    const seen: (readonly [slot: number, requests: SlotRequests])[] = [];
    for (let slot = 1; slot <= block.workers; slot++) {
      const requests = this.#slot(slot);
      if (requests.worker !== 0) seen.push([slot, requests]);
    }
    const now = clock();
    const most = Math.floor((TEXT_BYTES - CONTENTS_FRAME) / seen.length) - THREAD_FRAME;
    const made = seen.map(([slot, requests]) => this.#threadIn(slot).textOf(requests, now, most));
    return {
      now,
      texts: made.map(({ text }) => text),
      requests: made.reduce((sum, { requests }) => sum + requests, 0),
      newest: made.reduce((latest, { newest }) => Math.max(latest, newest), 0),
    };
  }

  #threadIn(slot: number): ThreadRequests {
    let thread = this.#bySlot.get(slot);
    if (thread === undefined) {
      thread = new ThreadRequests(this.#options.memory, slot);
      this.#bySlot.set(slot, thread);
    }
    return thread;
  }

  async #write(texts: readonly string[], isClosed: boolean): Promise<void> {
    const at = performance.now();
    const text = contentsText(Date.now(), this.#options.memory.clock(), isClosed, texts);
    // A process that cannot know whether this one runs removes a file that shows no request.
    if (this.#isIdle || at - this.#checkedAt >= (this.#options.checkEveryMs ?? CHECK_EVERY_MS)) {
      this.#isIdle = false;
      if (!(await this.#file!.isInPlace())) await this.#replaceFile();
      this.#checkedAt = at;
    }
    await this.#file!.write(text);
  }

  /** The folder may be emptied at any time, so the record goes on in a new file. */
  async #replaceFile(): Promise<void> {
    await this.#file!.close();
    this.#file = undefined;
    this.#file = await RecordFile.create(await RecordFolder.open(this.#options.dataDir));
  }

  /** One warning, and nothing is written any more. */
  async #disable(error: unknown): Promise<void> {
    if (this.#isEnding) return;
    this.#ending.abort();
    this.#stopTimer?.();
    const { log, dataDir } = this.#options;
    log.warn(
      { err: error },
      `the flight record in ${dataDir} is disabled until the next start: ${errorMessage(error)}; ` +
        'after a crash the log will not show which requests were in flight',
    );
    const file = this.#file;
    this.#file = undefined;
    // The failure that matters is logged above.
    await file?.close().catch(() => undefined);
  }

  /** Resolves when no write is under way. */
  async settled(): Promise<void> {
    await this.#writing;
  }

  /** Ends the record in order: nothing is left to be reported. */
  async close(): Promise<void> {
    this.#ending.abort();
    this.#stopTimer?.();
    await this.#opening;
    await this.settled();
    if (this.#file === undefined) return;
    try {
      await this.#write([], true);
      await this.#file.remove();
    } catch (error) {
      this.#options.log.warn(
        { err: error },
        `the flight record cannot be closed: ${errorMessage(error)}; the next start may report requests that had ended`,
      );
    }
  }
}
