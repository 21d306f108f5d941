// `GET /events`: what the process does, as server-sent events. Each topic is computed once a second while a
// stream has it, in turns of the event loop of its own. All its streams share the bytes, which are written to
// a few of them in each turn. A client that has not read the last event gets no further one until it has, so
// a slow one takes no memory.
import { setImmediate as turn } from 'node:timers/promises';
import { ValidationError } from '../errors.js';
import { type Every, ownInterval } from '../grouped-interval.js';
import { ownTurn } from '../telemetry/pace.js';
import type { AdminRoute, EventSink } from './admin-route.js';
import { formatEvent } from './event-stream.js';
import { WriteTurns } from './write-turns.js';

export const EVERY_MS = 1_000;

/**
 * What a topic sends: the value of the `GET` of the same name, or its JSON.
 * @param isFirst the stream begins: the value is wanted at once, with what is known
 */
export type Topic = (isFirst: boolean) => Promise<object | Buffer>;

export interface EventTopicsOptions {
  readonly topics: Readonly<Record<string, Topic>>;
  /** Topics of a client that names none. */
  readonly usual: readonly string[];
  /** Called when a topic cannot be computed; its streams get the next one. */
  readonly failed: (topic: string, error: unknown) => void;
  /** @default a timer of its own */
  readonly every?: Every;
  /** Milliseconds. @default performance.now() */
  readonly clock?: () => number;
}

interface Follower {
  readonly sink: EventSink;
  readonly topics: ReadonlySet<string>;
  /** The number of the last event that it was sent, by topic. */
  readonly sent: Map<string, number>;
  /** It has not read what it was sent. */
  isBehind: boolean;
}

/** An event of a topic. */
interface TopicEvent {
  readonly topic: string;
  /** Events are numbered when they begin to be computed, so a larger number is a newer state. */
  readonly number: number;
  /** undefined: it could not be computed. */
  readonly bytes: Promise<Buffer | undefined>;
}

/** The last event of a topic. */
interface Latest {
  readonly event: TopicEvent;
  /** Until when streams that begin get it. */
  endsAt: number;
}

export class EventTopics {
  readonly #options: EventTopicsOptions;
  readonly #clock: () => number;
  readonly #followers = new Set<Follower>();
  readonly #running = new Set<string>();
  readonly #latest = new Map<string, Latest>();
  readonly #writes = new WriteTurns();
  #begun = 0;
  #stop: (() => void) | undefined;

  constructor(options: EventTopicsOptions) {
    this.#options = options;
    this.#clock = options.clock ?? (() => performance.now());
  }

  /** Streams that are open. */
  get streams(): number {
    return this.#followers.size;
  }

  route(): AdminRoute {
    return {
      method: 'GET',
      path: '/events',
      query: ['topics'],
      handler: ({ query }) => {
        const topics = this.#topicsIn(query);
        return { status: 200, stream: (sink) => this.#follow(sink, topics) };
      },
    };
  }

  /** @throws ValidationError for an unknown topic */
  #topicsIn(query: URLSearchParams): ReadonlySet<string> {
    const { topics, usual } = this.#options;
    const named = query
      .getAll('topics')
      .join(',')
      .split(',')
      .filter((name) => name !== '');
    const unknown = named.find((name) => !Object.hasOwn(topics, name));
    if (unknown !== undefined)
      throw new ValidationError([
        { path: '/topics', message: `must be a comma list of ${Object.keys(topics).join(', ')}` },
      ]);
    return new Set(named.length === 0 ? usual : named);
  }

  #follow(sink: EventSink, topics: ReadonlySet<string>): () => void {
    const follower: Follower = { sink, topics, sent: new Map(), isBehind: false };
    this.#followers.add(follower);
    this.#stop ??= (this.#options.every ?? ownInterval)(EVERY_MS, () => void this.#tick());
    void this.#begin(follower);
    return () => {
      this.#followers.delete(follower);
      if (this.#followers.size > 0) return;
      this.#stop?.();
      this.#stop = undefined;
      this.#latest.clear();
    };
  }

  /** Each topic begins in a turn of its own, and none waits for another one. */
  async #begin(follower: Follower): Promise<void> {
    for (const topic of follower.topics) {
      if (!this.#followers.has(follower)) return;
      void this.#sendFirst(follower, topic);
      await turn();
    }
  }

  async #sendFirst(follower: Follower, topic: string): Promise<void> {
    const event = this.#firstOf(topic);
    const bytes = await event.bytes;
    if (bytes !== undefined) await this.#write(follower, event, bytes);
  }

  /** Streams that begin in the same second share one event: a client may open a hundred at once. */
  #firstOf(topic: string): TopicEvent {
    const latest = this.#latest.get(topic);
    if (latest !== undefined && this.#clock() < latest.endsAt) return latest.event;
    const event = this.#eventOf(topic, true);
    this.#keep(event);
    return event;
  }

  #keep(event: TopicEvent): void {
    const { topic, number, bytes } = event;
    if (number < (this.#latest.get(topic)?.event.number ?? 0)) return;
    const one: Latest = { event, endsAt: Number.POSITIVE_INFINITY };
    this.#latest.set(topic, one);
    void bytes.then((known) => {
      one.endsAt = known === undefined ? Number.NEGATIVE_INFINITY : this.#clock() + EVERY_MS;
    });
  }

  async #tick(): Promise<void> {
    // One that is behind by a topic of this tick gets the others of it, too.
    const behind = new Set([...this.#followers].filter(({ isBehind }) => isBehind));
    const wanted = new Set<string>();
    for (const one of this.#followers) {
      if (!behind.has(one)) for (const topic of one.topics) wanted.add(topic);
    }
    for (const topic of wanted) {
      const followers = [...this.#followers].filter((one) => one.topics.has(topic) && !behind.has(one));
      if (this.#running.has(topic)) continue;
      void this.#sendAll(topic, followers);
      await turn();
    }
  }

  /** @param followers those of its beginning: one that comes meanwhile gets an event of its own */
  async #sendAll(topic: string, followers: readonly Follower[]): Promise<void> {
    this.#running.add(topic);
    const event = this.#eventOf(topic, false);
    const bytes = await event.bytes;
    if (bytes !== undefined && this.#followers.size > 0) {
      this.#keep(event);
      for (const follower of followers) await this.#write(follower, event, bytes);
    }
    this.#running.delete(topic);
  }

  async #write(follower: Follower, event: TopicEvent, bytes: Buffer): Promise<void> {
    if (!this.#followers.has(follower)) return;
    const turn = this.#writes.next();
    if (turn !== undefined) await turn;
    if (this.#followers.has(follower)) write(follower, event, bytes);
  }

  #eventOf(topic: string, isFirst: boolean): TopicEvent {
    return { topic, number: ++this.#begun, bytes: this.#bytesOf(topic, isFirst) };
  }

  async #bytesOf(topic: string, isFirst: boolean): Promise<Buffer | undefined> {
    try {
      const value = await this.#options.topics[topic]!(isFirst);
      await ownTurn();
      const data = Buffer.isBuffer(value) ? value.toString('utf8') : value;
      return Buffer.from(formatEvent({ event: topic, data }));
    } catch (error) {
      this.#options.failed(topic, error);
      return undefined;
    }
  }
}

/** Sends an event, unless the follower has it or a newer one: one may take longer than the next. */
function write(follower: Follower, { topic, number }: TopicEvent, bytes: Buffer): void {
  if (number <= (follower.sent.get(topic) ?? 0)) return;
  follower.sent.set(topic, number);
  if (!follower.sink.write(bytes)) return;
  follower.isBehind = true;
  follower.sink.onceRead(() => {
    follower.isBehind = false;
  });
}
