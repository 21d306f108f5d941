// Counts the open connections of one server and admits new ones.
import { addressText } from './binary-address.js';
import type { CoreResponse } from './uws-core.js';

/** Admits connections. Each connection that was admitted leaves once. */
export interface ConnectionGate {
  /**
   * @param address of the client, as text
   * @returns false when the connection is to be closed at once
   */
  enter(address: () => string): boolean;
  leave(): void;
  /**
   * Called for each response that would leave its connection open and may close it.
   * @returns true when the response is to close it, because this worker has more connections than its share
   */
  givesUp(): boolean;
}

export class UwsConnections {
  readonly #gate: ConnectionGate;
  #open = 0;
  /** A connection is being closed because the gate has rejected it. */
  #isRejecting = false;

  constructor(gate: ConnectionGate) {
    this.#gate = gate;
  }

  get open(): number {
    return this.#open;
  }

  /** The `filter` of the core. The core reports no end of a connection that has become a WebSocket. */
  readonly changed = (response: Pick<CoreResponse, 'close' | 'getRemoteAddress'>, change: 1 | -1): void => {
    if (this.#isRejecting) return; // the core reports the end of the rejected connection
    if (change === -1) {
      this.closed();
      return;
    }
    if (this.#gate.enter(() => addressText(new Uint8Array(response.getRemoteAddress())))) this.#open++;
    else {
      this.#isRejecting = true;
      response.close();
      this.#isRejecting = false;
    }
  };

  closed(): void {
    this.#open--;
    this.#gate.leave();
  }
}
