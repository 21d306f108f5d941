// The registry as the primary publishes it to all threads: a snapshot, and the changes since, as lines of
// text. A change costs the length of its own lines, however many instances there are, for the primary and for
// every thread: readers go on where they have stopped. When the changes have become longer than the snapshot,
// a new one is written, so the cost of that is spread over as many changes as it has lines.
//
// Two pages of shared memory take turns, as in text-page.ts. A page is a snapshot and the changes after it.
// What lies before its end is not written again while it is the last page or the one before. So a reader that
// has not read the end of the last page yet can still do that, and then skips the snapshot of the new one,
// which says the same. Only a reader that two snapshots have overtaken reads a snapshot again.
import type { Area } from './area.js';
import { CHANGES_BYTES, SNAPSHOT_BYTES } from './layout.js';

/** How far a reader has read. */
export interface Cursor {
  /** The version of the page. */
  readonly version: number;
  /** Bytes of the page. */
  readonly at: number;
}

export interface ReadLines {
  /** Whole lines; empty when nothing was published since. */
  readonly text: string;
  /** Whether the lines begin with a snapshot, which replaces everything that was read before. */
  readonly isWhole: boolean;
  readonly cursor: Cursor;
  /** What `count` was before they were read. */
  readonly count: number;
}

export class SnapshotLog {
  readonly #version: Int32Array;
  /** Bytes of the snapshot, and of snapshot and changes, by page. */
  readonly #lengths: Int32Array;
  readonly #ends: Int32Array;
  readonly #count: Int32Array;
  readonly #pages: readonly [Int32Array, Int32Array];
  /** What this thread has published last: other code may have overwritten the memory. */
  #published: Cursor | undefined;
  /** A publication has failed, so readers lack its changes until there is a new snapshot. */
  #missed = false;

  constructor(area: Area) {
    this.#version = area.words('snapshotVersion');
    this.#lengths = area.words('snapshotLength');
    this.#ends = area.words('snapshotEnd');
    this.#count = area.words('snapshotCount');
    const both = area.words('snapshotPage');
    const half = both.length >> 1;
    this.#pages = [both.subarray(0, half), both.subarray(half)];
  }

  /** A number that changes with every publication. */
  count(): number {
    return Atomics.load(this.#count, 0);
  }

  /**
   * Publishes changes; only the primary may do so, with one object.
   * @param changes lines, each with its end @param snapshot returns the lines of the state after them
   * @throws RangeError when a snapshot is longer than SNAPSHOT_BYTES; then nothing is published
   */
  publish(changes: string, snapshot: () => string): void {
    const bytes = new TextEncoder().encode(changes);
    const last = this.#missed ? undefined : this.#intact();
    this.#missed = true;
    if (last === undefined || !this.#append(last, bytes))
      this.#replace(new TextEncoder().encode(snapshot()), bytes, last !== undefined);
    this.#missed = false;
    Atomics.add(this.#count, 0, 1);
  }

  /** @param cursor that of the last read; undefined for the first one */
  read(cursor?: Cursor): ReadLines {
    for (;;) {
      const count = this.count();
      const version = this.#lastVersion();
      const half = halfOf(version);
      const end = this.#endOf(half);
      const isSame = cursor?.version === version;
      const isNext = cursor !== undefined && cursor.version === ((version - 2) | 0);
      const rest = isNext ? this.#bytes(1 - half, cursor.at, this.#endOf(1 - half)) : NO_BYTES;
      const from = isSame ? cursor.at : isNext ? Atomics.load(this.#lengths, half) : 0;
      const bytes = this.#bytes(half, from, end);
      // A page is written again as soon as the snapshot after the next one has begun.
      const oldest = isNext ? cursor.version : version;
      if (((Atomics.load(this.#version, 0) - oldest) | 0) > 2) continue;
      const text = textOf(rest) + textOf(bytes);
      return { text, isWhole: !isSame && !isNext, cursor: { version, at: end }, count };
    }
  }

  #lastVersion(): number {
    return Atomics.load(this.#version, 0) & ~1;
  }

  #endOf(half: number): number {
    return Math.max(0, Math.min(Atomics.load(this.#ends, half), this.#capacity));
  }

  /**
   * Where this thread has stopped; undefined before the first publication, and when other code has
   * overwritten the words.
   */
  #intact(): Cursor | undefined {
    const last = this.#published;
    if (last === undefined || this.#lastVersion() !== last.version) return undefined;
    return this.#endOf(halfOf(last.version)) === last.at ? last : undefined;
  }

  /** @returns false when the changes need a new snapshot */
  #append({ version, at }: Cursor, bytes: Uint8Array): boolean {
    const half = halfOf(version);
    const length = Atomics.load(this.#lengths, half);
    const end = at + bytes.length;
    if (end - length > Math.max(CHANGES_BYTES, length) || end > this.#capacity) return false;
    this.#write(half, at, bytes);
    Atomics.store(this.#ends, half, end);
    this.#published = { version, at: end };
    return true;
  }

  /**
   * Writes a snapshot, and after it the changes that it contains already, for readers who skip it.
   * @param mayBeSkipped whether readers who know the page before know all but the changes
   */
  #replace(snapshot: Uint8Array, changes: Uint8Array, mayBeSkipped: boolean): void {
    const { length } = snapshot;
    if (length > SNAPSHOT_BYTES)
      throw new RangeError(`${length} bytes are more than the ${SNAPSHOT_BYTES} of a snapshot`);
    const isSkippable = mayBeSkipped && length + changes.length <= this.#capacity;
    // Readers know versions of this thread only, whatever the word is now.
    const version = this.#published?.version ?? this.#lastVersion();
    // With a step of 6 the page looks to all readers as if several snapshots had overtaken them.
    const next = (version + (isSkippable ? 2 : 6)) | 0;
    const half = halfOf(next);
    const end = isSkippable ? length + changes.length : length;
    Atomics.store(this.#version, 0, version + 1);
    this.#write(half, 0, snapshot);
    if (isSkippable) this.#write(half, length, changes);
    Atomics.store(this.#lengths, half, length);
    Atomics.store(this.#ends, half, end);
    Atomics.store(this.#version, 0, next);
    this.#published = { version: next, at: end };
  }

  /** Bytes of a page. */
  get #capacity(): number {
    return this.#pages[0].length * 4;
  }

  #write(half: 0 | 1, at: number, bytes: Uint8Array): void {
    const page = this.#pages[half];
    const first = at >> 2;
    const skipped = at & 3;
    const words = new Int32Array(Math.ceil((skipped + bytes.length) / 4));
    // The first word may have bytes that are published already.
    if (skipped > 0 && words.length > 0) words[0] = Atomics.load(page, first);
    new Uint8Array(words.buffer).set(bytes, skipped);
    for (let index = 0; index < words.length; index++) Atomics.store(page, first + index, words[index]!);
  }

  #bytes(half: number, from: number, to: number): Uint8Array {
    if (from >= to || from < 0) return NO_BYTES;
    const page = this.#pages[half as 0 | 1];
    const first = from >> 2;
    const words = new Int32Array(Math.ceil(to / 4) - first);
    for (let index = 0; index < words.length; index++) words[index] = Atomics.load(page, first + index);
    return new Uint8Array(words.buffer, from & 3, to - from);
  }
}

const NO_BYTES = new Uint8Array(0);

const textOf = (bytes: Uint8Array): string => (bytes.length === 0 ? '' : new TextDecoder().decode(bytes));

/** The page that has the text of an even version. */
const halfOf = (version: number): 0 | 1 => ((version >> 1) & 1) as 0 | 1;
