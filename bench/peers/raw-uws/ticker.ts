// One clock for all clients of an event stream. It runs only while there are clients.

const EVERY_MS = 100;

export class Ticker {
  readonly #send: (event: string) => void;
  #timer: NodeJS.Timeout | undefined;
  #count = 0;

  constructor(send: (event: string) => void) {
    this.#send = send;
  }

  start(): void {
    this.#timer ??= setInterval(() => this.#send(`data: ${++this.#count}\n\n`), EVERY_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
