// The event streams of one route that follow the changes of the registry. A change only begins a turn; in it,
// and in as many later turns as are needed, each stream gets what it misses from the log of the registry, in
// one write. A burst of changes that many clients watch does not keep the primary from its other work, and
// streams that miss the same share its bytes.
import type { LogEntry } from '../registry/change-log.js';
import type { Registry } from '../registry/registry.js';
import type { RegistryChange } from '../registry/registry-publication.js';
import type { EventSink, ServerSentEvent } from './admin-route.js';
import { formatEvent } from './event-stream.js';

export type Entry = LogEntry<RegistryChange>;

/** Writes in a turn, to all streams of the route together. */
const WRITES_IN_A_TURN = 64;
/** A write has no further event when it has this number of characters, each of up to 3 bytes. */
const ENOUGH_IN_A_WRITE = 1 << 15;

interface Follower {
  readonly sink: EventSink;
  /** The revision up to which everything is sent. */
  sent: string;
  /** What is missing is sent when the client has read what it has. */
  isPaused: boolean;
}

/** Events in one write. */
interface Batch {
  readonly bytes: Buffer;
  /** The revision of the last event. */
  readonly to: string;
}

export class ChangeFeed {
  readonly #registry: Registry;
  readonly #eventOf: (entry: Entry) => ServerSentEvent;
  /** The one that was written to last is at the end. */
  readonly #followers = new Set<Follower>();
  /** Each change is encoded once, whatever the number of streams. */
  readonly #encoded = new WeakMap<Entry, string>();
  #stop = (): void => undefined;
  /** A turn is to come. */
  #isAwake = false;

  constructor(registry: Registry, eventOf: (entry: Entry) => ServerSentEvent) {
    this.#registry = registry;
    this.#eventOf = eventOf;
  }

  /**
   * Sends the changes after a revision, those of the past and those to come. A stream is closed when the log
   * no longer has the next change for it.
   * @returns a function that ends this
   */
  follow(from: string, sink: EventSink): () => void {
    const follower: Follower = { sink, sent: from, isPaused: false };
    if (this.#followers.size === 0) this.#stop = this.#registry.changes.listen(() => this.#wake());
    this.#followers.add(follower);
    this.#wake();
    return () => {
      this.#followers.delete(follower);
      if (this.#followers.size === 0) this.#stop();
    };
  }

  #wake(): void {
    if (this.#isAwake) return;
    this.#isAwake = true;
    setImmediate(() => {
      this.#isAwake = false;
      this.#takeTurn();
    });
  }

  #takeTurn(): void {
    const { revision, changes } = this.#registry;
    const batches = new Map<string, Batch>();
    let writes = 0;
    for (const follower of [...this.#followers]) {
      if (follower.sent === revision) continue;
      if (!changes.covers(follower.sent)) follower.sink.close();
      else if (writes === WRITES_IN_A_TURN) this.#wake();
      else if (!follower.isPaused) {
        writes += 1;
        this.#send(follower, batches);
        if (follower.sent !== revision && !follower.isPaused) this.#wake();
      }
    }
  }

  #send(follower: Follower, batches: Map<string, Batch>): void {
    const { sink, sent } = follower;
    const batch = batches.get(sent) ?? this.#batchAfter(sent);
    batches.set(sent, batch);
    // The other streams come first the next time.
    this.#followers.delete(follower);
    this.#followers.add(follower);
    follower.sent = batch.to;
    if (!sink.write(batch.bytes) || !sink.isBehind) return;
    follower.isPaused = true;
    sink.onceRead(() => {
      follower.isPaused = false;
      this.#wake();
    });
  }

  /** The next events after a revision that the log covers. */
  #batchAfter(sent: string): Batch {
    let text = '';
    let to = sent;
    for (const entry of this.#registry.changes.since(sent) ?? []) {
      if (text.length >= ENOUGH_IN_A_WRITE) break;
      text += this.#textOf(entry);
      to = entry.revision;
    }
    return { bytes: Buffer.from(text), to };
  }

  #textOf(entry: Entry): string {
    let text = this.#encoded.get(entry);
    if (text === undefined) {
      text = formatEvent(this.#eventOf(entry));
      this.#encoded.set(entry, text);
    }
    return text;
  }
}
