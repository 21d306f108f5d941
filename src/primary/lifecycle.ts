// What was started, in order, and how each part is stopped: in the reverse order, each exactly once.
import type { Logger } from 'pino';

export class Lifecycle {
  readonly #parts: { readonly name: string; stop(): Promise<void> | void }[] = [];
  #stopping: Promise<void> | undefined;

  /** Remembers how to stop what has just been started. */
  defer(name: string, stop: () => Promise<void> | void): void {
    this.#parts.push({ name, stop });
  }

  /** One part that fails to stop does not keep the others running. */
  stop(log: Pick<Logger, 'error'> | undefined): Promise<void> {
    this.#stopping ??= this.#stopAll(log);
    return this.#stopping;
  }

  async #stopAll(log: Pick<Logger, 'error'> | undefined): Promise<void> {
    for (let part = this.#parts.pop(); part !== undefined; part = this.#parts.pop()) {
      try {
        await part.stop();
      } catch (error) {
        log?.error({ err: error, part: part.name }, 'part did not stop cleanly');
      }
    }
  }
}
