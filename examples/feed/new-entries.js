// Tells the streams of one worker that there are new entries. An entry may be added in another worker, or in another process,
// so while there are streams one statement a worker looks for it a few times a second, however many streams there are.
import { setTimeout as sleep } from 'node:timers/promises';

const LOOK_EVERY_MS = 250;

export class NewEntries {
  #lastId;
  #log;
  /** @type {Set<{ after: number, wake: () => void }>} */
  #waiting = new Set();
  #isLooking = false;

  /**
   * @param {() => Promise<number>} lastId reads the id of the newest entry
   * @param {import('multilane').ServiceDeps['log']} log
   */
  constructor(lastId, log) {
    this.#lastId = lastId;
    this.#log = log;
  }

  /**
   * Resolves when there may be an entry behind one.
   * @param {number} id @param {AbortSignal} signal of the client, which may leave before
   */
  after(id, signal) {
    signal.throwIfAborted();
    return new Promise((resolve, reject) => {
      const settle = (end, value) => {
        this.#waiting.delete(one);
        signal.removeEventListener('abort', leave);
        end(value);
      };
      const leave = () => settle(reject, signal.reason);
      const one = { after: id, wake: () => settle(resolve) };
      this.#waiting.add(one);
      signal.addEventListener('abort', leave);
      void this.#lookWhileWaiting();
    });
  }

  /** An entry of this id has been added. @param {number} id */
  wake(id) {
    for (const one of [...this.#waiting]) if (one.after < id) one.wake();
  }

  async #lookWhileWaiting() {
    if (this.#isLooking) return;
    this.#isLooking = true;
    while (this.#waiting.size > 0) {
      await sleep(LOOK_EVERY_MS);
      try {
        this.wake(await this.#lastId());
      } catch (error) {
        // The database is not reachable for a moment: the streams stay open.
        this.#log.warn({ err: error }, 'could not look for new entries; trying again');
      }
    }
    this.#isLooking = false;
  }
}
