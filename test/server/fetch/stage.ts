// Exchanges in which client and application take turns. Both sides meet at a stage, which the client reaches
// by further requests.
import type { CORE } from '#test/support/core.js';
import { latch } from '../latch.js';
import type { Peer } from './peer.js';

/** Where the application waits for the client, and the client for the application. */
export class Stage {
  readonly #cue = latch();
  readonly #seen = latch<unknown>();

  /** The client goes on. */
  readonly cue = this.#cue.opened;
  readonly seen = this.#seen.opened;

  /** Tells the client what the application has seen. */
  readonly note = (value: unknown): void => this.#seen.open(value);
  readonly giveCue = (): void => this.#cue.open();
}

export interface Exchange {
  readonly name: string;
  readonly application: (request: Request, stage: Stage) => Response | Promise<Response>;
  /** @returns what the client has found, which is the same behind both servers */
  readonly client: (peer: Peer) => Promise<unknown>;
  /** Why we differ, and what our client finds. */
  readonly differs?: {
    readonly because: string;
    /** The core that differs. Default: both. */
    readonly core?: typeof CORE;
    readonly ours: unknown;
  };
}
