// The store of the simulation, and the network to it: messages are delayed, lost, and delivered twice, and a
// process may be cut off.
import type { ShareWrite } from '#src/shares/share-member.js';
import type { StoredText, StoredTexts } from '#src/shares/share-store.js';
import type { Timeline } from './timeline.js';

export interface NetworkOptions {
  readonly timeline: Timeline;
  readonly random: () => number;
  /** The most that a message takes, mostly much less. */
  readonly delayMs: number;
  /** The share of messages that get lost. */
  readonly loss: number;
}

/** A process waits this long for a response. */
const TIMEOUT_MS = 5_000;

export class Network {
  readonly #options: NetworkOptions;
  readonly #stored = new Map<string, StoredText>();
  #version = 0;
  /** The store responds to nobody. */
  isDown = false;
  messages = 0;

  constructor(options: NetworkOptions) {
    this.#options = options;
  }

  read(isCut: () => boolean, respond: (texts: StoredTexts) => void, fail: () => void): void {
    this.#exchange(isCut, () => new Map(this.#stored), respond, fail);
  }

  replace(
    isCut: () => boolean,
    { name, version, text }: Pick<ShareWrite, 'name' | 'version' | 'text'>,
    respond: (isStored: boolean) => void,
    fail: () => void,
  ): void {
    const swap = (): boolean => {
      if (this.#stored.get(name)?.version !== version) return false;
      this.#stored.set(name, { text, version: String(++this.#version) });
      return true;
    };
    this.#exchange(isCut, swap, respond, fail);
  }

  /** A request reaches the store, and its response the process; or one of them does not. */
  #exchange<T>(isCut: () => boolean, act: () => T, respond: (result: T) => void, fail: () => void): void {
    const { timeline, random, loss } = this.#options;
    this.messages += 1;
    let isOver = false;
    const end = (then: () => void): void => {
      if (isOver) return;
      isOver = true;
      then();
    };
    timeline.in(TIMEOUT_MS, () => end(fail));
    const arrive = (): void => {
      if (isCut() || this.isDown || random() < loss) return;
      const result = act();
      timeline.in(this.#delay(), () => {
        if (!isCut() && random() >= loss) end(() => respond(result));
      });
    };
    timeline.in(this.#delay(), arrive);
    if (random() < loss) timeline.in(this.#delay(), arrive);
  }

  /** Most messages are quick, and some take long. */
  #delay(): number {
    const { random, delayMs } = this.#options;
    return delayMs * random() ** 4;
  }
}
