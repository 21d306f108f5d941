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
   * @param goOn called when the whole body has been taken @param failed called in a microtask: the body may
   *   fail while its request is being ended
   */
  start(goOn: () => void, failed: (error: unknown) => void): void {
    const body = this.#body;
    body.await({
      arrived: () => {
        try {
          this.#take(body.bytes);
        } catch (error) {
          failed(error);
          return;
        }
        goOn();
      },
      failed: (error) => queueMicrotask(() => failed(error)),
    });
  }
}
