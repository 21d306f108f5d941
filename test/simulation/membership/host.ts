// A process with its clock and its connection to the registry server: it may be killed, stopped for a while,
// and cut off.
import type { Schedule } from '#src/registry/schedule.js';
import type { VirtualTime } from '../virtual-time.js';

/** A cut that is shorter than this must change nothing: a lease lasts far longer. */
const BLIP_MS = 3_000;

export class Host {
  isAlive = true;
  /** Whether packets to and from the registry server vanish. */
  isCut = false;
  /** Since when it could renew what it has announced, but for short cuts. */
  steadySince: number;
  /** Since when it has reached the server without any cut. */
  openSince: number;
  readonly startedAt: number;
  readonly #time: VirtualTime;
  /** When it was cut off or suspended last. */
  badSince = 0;
  #isSuspended = false;
  /** What has arrived, or become due, since it was suspended. */
  #due: (() => void)[] = [];

  constructor(time: VirtualTime) {
    this.#time = time;
    this.startedAt = time.now;
    this.steadySince = time.now;
    this.openSince = time.now;
  }

  /** The timers of the process. */
  readonly schedule: Schedule = (ms, fn) => {
    let isCancelled = false;
    const cancel = this.#time.schedule(ms, () => this.deliver(() => isCancelled || fn()));
    return () => {
      isCancelled = true;
      cancel();
    };
  };

  /** Runs what the process does on its own, or when something arrives: now, when it goes on, or never. */
  deliver(fn: () => void): void {
    if (!this.isAlive) return;
    if (this.#isSuspended) this.#due.push(fn);
    else fn();
  }

  /** Stops the process, as SIGSTOP does. */
  suspend(): void {
    this.#worsens();
    this.#isSuspended = true;
  }

  resume(): void {
    this.#isSuspended = false;
    this.#recovers();
    for (const fn of this.#due.splice(0)) this.#time.schedule(0, () => this.deliver(fn));
  }

  cut(): void {
    this.#worsens();
    this.isCut = true;
  }

  heal(): void {
    if (!this.isCut) return;
    this.isCut = false;
    this.openSince = this.#time.now;
    this.#recovers();
  }

  /** Whether it responds to clients, which may reach it also when the registry server cannot. */
  get responds(): boolean {
    return this.isAlive && !this.#isSuspended;
  }

  get isSteady(): boolean {
    return this.isAlive && (!this.#isBad || this.#time.now - this.badSince < BLIP_MS);
  }

  get #isBad(): boolean {
    return this.isCut || this.#isSuspended;
  }

  #worsens(): void {
    if (!this.#isBad) this.badSince = this.#time.now;
  }

  #recovers(): void {
    if (!this.#isBad && this.#time.now - this.badSince >= BLIP_MS) this.steadySince = this.#time.now;
  }
}
