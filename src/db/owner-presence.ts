// How one owner shows others that it lives, also where they cannot see its process: in another container, or on another
// machine that shares the folder. Its socket answers as long as the process is there, even when that is stopped, to all
// who share the kernel; its heartbeat is a number in a file that grows, for those who do not.
import { randomUUID } from 'node:crypto';
import { type FileHandle, open, rename } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { withSocketPath } from '../unix-socket.js';
import { ownerFile } from './owner-files.js';

const BEAT_EVERY_MS = 2_000;
/** A number that is overwritten in place needs no new space on the disk. */
const DIGITS = 16;
const ATTEMPTS = 3;

export class OwnerPresence {
  readonly #folder: string;
  readonly #log: Pick<Logger, 'warn'>;
  readonly #everyMs: number;
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

  /** Shows it as this generation. Never rejects: without a socket the heartbeat has to do, and the other way round. */
  async appear(generation: number): Promise<void> {
    // Some file systems have no sockets, such as folders that a virtual machine shares with its host.
    await this.#openSocket(generation).catch((error: unknown) => this.#warn(error, 'has no socket'));
    await this.#openBeat(generation).catch((error: unknown) => this.#warn(error, 'has no heartbeat'));
    this.#timer = setInterval(() => {
      this.#beating = this.#beating.then(() => this.#beat());
    }, this.#everyMs).unref();
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
   * It listens before it has the name that others look for: a socket with that name on which nobody listens belongs to
   * a process that has ended.
   */
  async #openSocket(generation: number): Promise<void> {
    for (let attempt = 1; this.#server === undefined; attempt += 1) {
      const draft = `.owner-${randomUUID()}`;
      const server = await withSocketPath(this.#folder, draft, listen);
      try {
        await rename(join(this.#folder, draft), join(this.#folder, ownerFile(generation, 'sock')));
        this.#server = server;
      } catch (error) {
        server.close();
        // One that got in meanwhile takes the drafts of others for left over.
        if (attempt === ATTEMPTS) throw error;
      }
    }
  }

  async #openBeat(generation: number): Promise<void> {
    this.#file = await open(join(this.#folder, ownerFile(generation, 'beat')), 'w', 0o600);
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
  #warn(err: unknown, what: string): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    this.#log.warn(
      { err },
      `the owner of ${this.#folder} ${what}: a second process elsewhere may not see that it lives`,
    );
  }
}

/** To have been connected to is all that is asked for. */
function listen(path: string): Promise<Server> {
  const server = createServer((socket) => socket.destroy());
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    // Exclusive: in the cluster mode of pm2 its daemon would listen in our place, and live longer.
    server.listen({ path, exclusive: true }, () => {
      server.removeListener('error', reject).on('error', () => undefined); // no file left for one who connects
      resolve(server.unref());
    });
  });
}
