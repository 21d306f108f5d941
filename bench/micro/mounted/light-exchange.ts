// A request without a socket, whose response is dropped. It does as little as an exchange can, so what is
// measured over it is the work of the server.
import type { Exchange } from '#src/server/exchange.js';
import type { RequestHead } from '#src/server/request-head.js';

const NO_BYTES = new Uint8Array(0);

export class LightExchange implements Exchange {
  readonly head: RequestHead;
  closed = false;
  readonly accept = undefined;
  readonly isBodyComplete = true;
  readonly isBodyPassing = false;
  readonly #body: Uint8Array;
  readonly #sent: (status: number) => void;

  /** @param sent is called when the response is complete */
  constructor(head: RequestHead, body: Uint8Array | undefined, sent: (status: number) => void) {
    this.head = head;
    this.#body = body ?? NO_BYTES;
    this.#sent = sent;
  }

  send(status: number): void {
    this.closed = true;
    this.#sent(status);
  }
  readBody(onPiece: (piece: Uint8Array, isLast: boolean) => void): boolean {
    onPiece(this.#body, true);
    return true;
  }
  begin(): never {
    throw new Error('responses in pieces are not measured');
  }
  async write(): Promise<void> {}
  destroy(): void {
    this.send(0);
  }
  remoteAddress(): string {
    return '127.0.0.1';
  }
  rememberAddress(): void {}
  onClosed(): void {}
  onEnded(): void {}
  onBodyRefused(): void {}
  end(): void {}
  pause(): void {}
  resume(): void {}
  leaveCallback(): void {}
}
