// Decides which accesses other threads can notice: those of words that change at all, and that more than one
// thread accesses. Other accesses need no move of their own, since the order of moves between them makes no
// difference. The knowledge of the words grows while runs are explored; the exploration restarts when it
// does.
import type { Operation } from './operations.js';

interface Known {
  /** Bits of the threads that access the word. */
  threads: number;
  changes: boolean;
}

export class Visibility {
  readonly #known = new Map<number, Known>();

  isVisible({ kind, address, isWide }: Operation): boolean {
    if (kind === 'nothing') return false;
    return this.#isShared(address) || (isWide && this.#isShared(address + 1));
  }

  /** @returns true when an access that seemed unnoticeable can be noticed */
  note(thread: number, { kind, address, isWide }: Operation, hasChanged: boolean): boolean {
    if (kind === 'nothing') return false;
    const changes = hasChanged || kind === 'waitAsync' || kind === 'notify';
    const first = this.#add(address, thread, changes);
    return (isWide && this.#add(address + 1, thread, changes)) || first;
  }

  #add(address: number, thread: number, changes: boolean): boolean {
    const known = this.#known.get(address) ?? { threads: 0, changes: false };
    const was = isShared(known);
    known.threads |= 1 << thread;
    known.changes ||= changes;
    this.#known.set(address, known);
    return !was && isShared(known);
  }

  #isShared(address: number): boolean {
    const known = this.#known.get(address);
    return known !== undefined && isShared(known);
  }
}

const isShared = ({ threads, changes }: Known): boolean => changes && (threads & (threads - 1)) !== 0;
