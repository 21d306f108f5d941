// What a step returns that needs the whole body: the request goes on in the callback of the core that
// delivers the end of the body, so no promise is made for it.
import type { RequestBody } from './body.js';

export class BodyWait {
  readonly #body: RequestBody;
  readonly #take: (bytes: Uint8Array) => void;

  /** @param take gets the bytes; what it throws is the failure of the request */
  constructor(body: RequestBody, take: (bytes: Uint8Array) => void) {
    this.#body = body;
    this.#take = take;
  }

  /**
   * @param arrived called when the whole body has arrived: then call `take`
   * @param failed called in a microtask, because the body may fail while its request is being ended
   * @param goesOn whether it waits on when the response is complete
   */
  start(arrived: () => void, failed: (error: unknown) => void, goesOn = false): void {
    this.#body.await({ goesOn, arrived, failed: (error) => queueMicrotask(() => failed(error)) });
  }

  /** Finishes the step. @throws what is wrong with the body */
  take(): void {
    this.#take(this.#body.taken());
  }
}
