// Counts the open connections of one server and admits new ones.

import { addressText } from '../binary-address.js';
import type { ConnectionGate } from '../http-core.js';
import type { CoreResponse } from './uws-core.js';

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
