// One clock for all clients of an event stream in a thread. It runs only while there are clients.
import { EventEmitter, on } from 'node:events';

const EVERY_MS = 100;

export class Ticker {
  readonly #ticks = new EventEmitter().setMaxListeners(0);
  #timer: NodeJS.Timeout | undefined;
  #count = 0;
  #clients = 0;

  async *events(signal: AbortSignal): AsyncGenerator<{ data: string }> {
    this.#clients += 1;
    this.#timer ??= setInterval(() => this.#ticks.emit('tick', `${++this.#count}`), EVERY_MS);
    try {
      for await (const [data] of on(this.#ticks, 'tick', { signal })) yield { data: data as string };
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      this.#clients -= 1;
      if (this.#clients === 0) {
        clearInterval(this.#timer);
        this.#timer = undefined;
      }
    }
  }
}
