// How one owner shows others that it lives, also where they cannot see its process: in another container, or
// on another machine that shares the folder. Its socket answers as long as the process is there, even when
// that is stopped, to all who share the kernel; its heartbeat is a number in a file that grows, for those who
// do not.
import { constants } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import type { Server } from 'node:net';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { ifExists } from './if-exists.js';
import { listenUnderName } from './liveness-socket.js';
import { ownerFile } from './owner-files.js';

const BEAT_EVERY_MS = 2_000;
/** A number that is overwritten in place needs no new space on the disk. */
const DIGITS = 16;

/** A FIFO in the place of the file fails at once, where it would wait for a reader. */
const WRITTEN = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NONBLOCK;

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
   * Shows it as this generation. Never rejects: without a socket the heartbeat has to do, and the other way
   * round.
   */
  async appear(generation: number): Promise<void> {
    this.#generation = generation;
    for (const kind of KINDS) await this.#make(kind, generation);
    this.#timer ??= setInterval(() => {
      this.#beating = this.#beating.then(() => this.#beat());
    }, this.#everyMs).unref();
  }

  /** Makes anew what somebody has removed. To be called when its entry is there. */
  async heal(): Promise<void> {
    const generation = this.#generation;
    if (generation === undefined) return;
    for (const kind of KINDS) {
      const file = join(this.#folder, ownerFile(generation, kind));
      if ((await ifExists(stat(file))) === undefined) await this.#make(kind, generation);
    }
  }

  /** @param callback called with every beat */
  onBeat(callback: () => Promise<void>): void {
    this.#onBeat = callback;
  }

  /** It is not there any more. Never rejects. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#beating;
    this.#server?.close();
    await this.#file?.close().catch(() => undefined);
  }

  /**
   * Never rejects. What was there before goes on until the new one has its name, and when that cannot be
   * made.
   */
  #make(kind: (typeof KINDS)[number], generation: number): Promise<void> {
    return kind === 'sock'
      ? this.#listen(generation).catch((error: unknown) => this.#warn(error, 'has no socket'))
      : this.#openBeat(generation).catch((error: unknown) => this.#warn(error, 'has no heartbeat'));
  }

  async #listen(generation: number): Promise<void> {
    const before = this.#server;
    this.#server = await listenUnderName(this.#folder, ownerFile(generation, 'sock'), '.owner-');
    before?.close();
  }

  async #openBeat(generation: number): Promise<void> {
    const before = this.#file;
    this.#file = await open(join(this.#folder, ownerFile(generation, 'beat')), WRITTEN, 0o600);
    await before?.close();
    await this.#write();
  }

  async #beat(): Promise<void> {
    await this.#write().catch((error: unknown) => this.#warn(error, 'has no heartbeat'));
    await this.#onBeat().catch(() => undefined); // what could not be read now is read with the next beat
  }

  async #write(): Promise<void> {
    this.#beats += 1;
    await this.#file?.write(String(this.#beats).padStart(DIGITS, '0'), 0);
    await this.#file?.datasync(); // others read it over a network
  }

  /** Once: the next beat would only say it again. */
  #warn(err: unknown, what: string): undefined {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    this.#log.warn(
      { err },
      `the owner of ${this.#folder} ${what}: a second process elsewhere may not see that it lives`,
    );
  }
}
