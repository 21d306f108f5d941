// How an owner shows other processes that it lives, also those that cannot see its pid: in another container,
// or on another machine that shares the folder.
//
// There are two signs, since each reaches processes that the other one does not. The socket `owner-<n>.sock`
// accepts connections as long as the process exists, even if it is stopped, but only from the same kernel.
// The heartbeat `owner-<n>.beat` is a file with a number that is increased every two seconds, which is seen
// wherever the folder is mounted. owner-liveness reads both.
import { constants } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import type { Server } from 'node:net';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { ifExists } from './if-exists.js';
import { listenUnderName } from './liveness-socket.js';
import { DRAFT_PREFIX, ownerFile } from './owner-files.js';

const BEAT_EVERY_MS = 2_000;
/** The number always has the same length: overwriting it in place needs no new space on the disk. */
const DIGITS = 16;

/**
 * O_NONBLOCK: opening a FIFO that is in the place of the file fails at once instead of waiting for a reader.
 */
const WRITE_FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NONBLOCK;

const KINDS = ['sock', 'beat'] as const;

export class OwnerPresence {
  readonly #folder: string;
  readonly #log: Pick<Logger, 'warn'>;
  readonly #everyMs: number;
  #generation: number | undefined;
  #server: Server | undefined;
  #file: FileHandle | undefined;
  #timer: NodeJS.Timeout | undefined;
  #beats = 0;
  #beating: Promise<void> = Promise.resolve();
  #hasWarned = false;
  #onBeat: () => Promise<void> = () => Promise.resolve();

  constructor(folder: string, log: Pick<Logger, 'warn'>, everyMs = BEAT_EVERY_MS) {
    this.#folder = folder;
    this.#log = log;
    this.#everyMs = everyMs;
  }

  /**
   * Makes socket and heartbeat for the entry `owner-<generation>` of this process and keeps the heartbeat
   * going. Never rejects: if one of the two cannot be made, the other has to do.
   */
  async start(generation: number): Promise<void> {
    this.#generation = generation;
    for (const kind of KINDS) await this.#make(kind, generation);
    this.#timer ??= setInterval(() => {
      this.#beating = this.#beating.then(() => this.#beat());
    }, this.#everyMs).unref();
  }

  /** Makes socket and heartbeat anew if they were removed. Call it only while the entry is there. */
  async restoreFiles(): Promise<void> {
    const generation = this.#generation;
    if (generation === undefined) return;
    for (const kind of KINDS) {
      const file = join(this.#folder, ownerFile(generation, kind));
      if ((await ifExists(stat(file))) === undefined) await this.#make(kind, generation);
    }
  }

  /** @param callback called with every heartbeat; when it rejects, the next heartbeat tries again */
  onBeat(callback: () => Promise<void>): void {
    this.#onBeat = callback;
  }

  /** Ends both signs. Never rejects. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#beating;
    this.#server?.close();
    await this.#file?.close().catch(() => undefined);
  }

  /**
   * Makes one of the two files. Never rejects. The one that was there before is used until the new one has
   * its name, and goes on being used if the new one cannot be made.
   */
  #make(kind: (typeof KINDS)[number], generation: number): Promise<void> {
    return kind === 'sock'
      ? this.#listen(generation).catch((error: unknown) => this.#warnOnce(error, 'has no socket'))
      : this.#openBeat(generation).catch((error: unknown) => this.#warnOnce(error, 'has no heartbeat'));
  }

  async #listen(generation: number): Promise<void> {
    const before = this.#server;
    this.#server = await listenUnderName(this.#folder, ownerFile(generation, 'sock'), DRAFT_PREFIX);
    before?.close();
  }

  async #openBeat(generation: number): Promise<void> {
    const before = this.#file;
    this.#file = await open(join(this.#folder, ownerFile(generation, 'beat')), WRITE_FLAGS, 0o600);
    await before?.close();
    await this.#writeBeat();
  }

  async #beat(): Promise<void> {
    await this.#writeBeat().catch((error: unknown) => this.#warnOnce(error, 'has no heartbeat'));
    await this.#onBeat().catch(() => undefined); // what could not be read now is read at the next beat
  }

  async #writeBeat(): Promise<void> {
    this.#beats += 1;
    await this.#file?.write(String(this.#beats).padStart(DIGITS, '0'), 0);
    await this.#file?.datasync(); // other machines read it over a network file system
  }

  /** Warns once, whichever of the two signs fails first. */
  #warnOnce(err: unknown, what: string): undefined {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    this.#log.warn(
      { err },
      `the owner of ${this.#folder} ${what}: a second process elsewhere may not see that it lives`,
    );
  }
}
