// The live figures: one event stream for the topics that the open page needs. It is opened again after every
// interruption, with pauses that grow, and when other topics are needed.
import { ApiError, pathOf, send } from './api.js';
import { session } from './session.js';
import { Signal } from './signal.js';
import { EventReader } from './sse.js';

export type Topic = 'overview' | 'routes' | 'workers' | 'services' | 'calls' | 'limits' | 'cpu';

export type FeedState =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'live' }
  | {
      readonly kind: 'interrupted';
      readonly since: number;
      readonly retryAt: number;
      readonly reason: string;
    };

export interface Figures {
  readonly data: unknown;
  /** When they arrived, in milliseconds since 1970. */
  readonly at: number;
}

/** A pause is a random half to the whole of its bound. The process may ask for a longer one. */
const PAUSE_MS = { least: 500, most: 10_000, mostAsked: 60_000 };
/** Figures come each second. After this time without any, the connection counts as lost. */
const SILENCE_MS = 12_000;
/** A tab that is not seen for this long needs no figures. */
const HIDDEN_MS = 60_000;

class Feed {
  readonly state = new Signal<FeedState>({ kind: 'connecting' });
  readonly #figures = new Map<Topic, Signal<Figures | null>>();
  readonly #users = new Map<Topic, number>();
  #abort = new AbortController();
  #failures = 0;
  #timer = 0;
  #opened = '';

  figures(topic: Topic): Signal<Figures | null> {
    const known = this.#figures.get(topic);
    if (known !== undefined) return known;
    const created = new Signal<Figures | null>(null);
    this.#figures.set(topic, created);
    return created;
  }

  /** @returns ends the use of the topic */
  use(topic: Topic): () => void {
    this.#users.set(topic, (this.#users.get(topic) ?? 0) + 1);
    this.#schedule(20);
    return () => {
      this.#users.set(topic, this.#users.get(topic)! - 1);
      this.#schedule(20);
    };
  }

  /** Opens the stream now, also when a pause is running. */
  retry(): void {
    this.#opened = '';
    this.#schedule(0);
  }

  pause(): void {
    clearTimeout(this.#timer);
    this.#opened = '';
    this.#abort.abort();
  }

  #schedule(afterMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => void this.#open(), afterMs);
  }

  async #open(): Promise<void> {
    const topics = [...this.#users].filter(([, users]) => users > 0).map(([topic]) => topic);
    const wanted = topics.sort().join(',');
    if (wanted === this.#opened || wanted === '') return;
    this.#abort.abort();
    const abort = new AbortController();
    this.#abort = abort;
    if (session.value.isRefused) return;
    this.#opened = wanted;
    try {
      await this.#follow(wanted, abort);
      throw new ApiError('The process closed the stream.');
    } catch (error) {
      if (this.#abort === abort && this.#opened !== '') this.#interrupted(error);
    }
  }

  async #follow(topics: string, abort: AbortController): Promise<void> {
    let watchdog = 0;
    const alive = (): void => {
      clearTimeout(watchdog);
      watchdog = window.setTimeout(
        () => abort.abort(new ApiError('No figures arrive any more.')),
        SILENCE_MS,
      );
    };
    try {
      alive();
      const path = pathOf('/events', { topics });
      const response = await send(path, { signal: abort.signal, accept: 'text/event-stream' });
      const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
      const events = new EventReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        alive();
        for (const { event, data } of events.push(value)) this.#received(event as Topic, data);
      }
    } finally {
      clearTimeout(watchdog);
    }
  }

  #received(topic: Topic, data: string): void {
    const figures = this.#figures.get(topic);
    if (figures === undefined) return;
    this.#failures = 0;
    if (this.state.value.kind !== 'live') this.state.value = { kind: 'live' };
    figures.value = { data: JSON.parse(data) as unknown, at: Date.now() };
  }

  #interrupted(error: unknown): void {
    this.#opened = '';
    if (session.value.isRefused) return;
    const bound = Math.min(PAUSE_MS.most, PAUSE_MS.least * 2 ** this.#failures);
    const asked = error instanceof ApiError ? (error.retryAfterS ?? 0) * 1000 : 0;
    const pauseMs = Math.max(Math.min(asked, PAUSE_MS.mostAsked), bound * (0.5 + Math.random() / 2));
    this.#failures = Math.min(this.#failures + 1, 10);
    const { value: before } = this.state;
    const now = Date.now();
    this.state.value = {
      kind: 'interrupted',
      since: before.kind === 'interrupted' ? before.since : now,
      retryAt: now + pauseMs,
      reason: error instanceof Error ? error.message : 'The stream was interrupted.',
    };
    this.#schedule(pauseMs);
  }
}

export const feed = new Feed();

session.subscribe(() => {
  if (!session.value.isRefused) feed.retry();
});

let hiddenSince = 0;
document.addEventListener('visibilitychange', () => {
  clearTimeout(hiddenSince);
  if (document.hidden) hiddenSince = window.setTimeout(() => feed.pause(), HIDDEN_MS);
  else feed.retry();
});
addEventListener('online', () => feed.retry());
