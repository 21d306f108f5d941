// The event stream of the dashboard in a page that is not seen: when it is opened again, after which pause,
// and when it is not open. Time passes only where a test says so.
import { join } from 'node:path';
import { runInNewContext } from 'node:vm';
import { expect } from 'chai';
import { build } from 'esbuild';
import { ROOT } from '#test/support/cluster.js';

interface State {
  readonly kind: 'connecting' | 'live' | 'interrupted';
  readonly retryAt?: number;
}

interface Signal<Value> {
  readonly value: Value;
  subscribe(listener: () => void): () => void;
}

interface Feed {
  readonly state: Signal<State>;
  figures(topic: string): Signal<unknown>;
  use(topic: string): () => void;
}

interface Timer {
  readonly run: () => void;
  readonly at: number;
}

interface Stream {
  readonly signal: AbortSignal;
  send(): void;
  end(): void;
}

/** The globals that the modules of the feed need of a browser. */
class FakePage {
  now = 1_000_000;
  respond: () => Response | Promise<Response> = () => this.stream();
  readonly requests: string[] = [];
  readonly streams: Stream[] = [];
  readonly #timers = new Map<number, Timer>();
  readonly #listeners = new Map<string, () => void>();
  readonly #document = {
    hidden: false,
    addEventListener: (event: string, listener: () => void) => void this.#listeners.set(event, listener),
  };
  #timer = 0;
  #signal = new AbortController().signal;

  load(code: string): Feed {
    const { exports } = runInNewContext(`${code}; ({ exports: feeding })`, {
      ...{ AbortController, AbortSignal, Error, TextDecoderStream, URLSearchParams },
      Date: { now: () => this.now },
      window: {
        setTimeout: (run: () => void, ms: number) => {
          this.#timers.set(++this.#timer, { run, at: this.now + ms });
          return this.#timer;
        },
      },
      clearTimeout: (timer: number) => void this.#timers.delete(timer),
      document: this.#document,
      addEventListener: () => undefined,
      fetch: async (path: string, { signal }: { signal: AbortSignal }) => {
        this.requests.push(path);
        this.#signal = signal;
        return this.respond();
      },
    }) as { readonly exports: { readonly feed: Feed } };
    return exports.feed;
  }

  set isHidden(hidden: boolean) {
    this.#document.hidden = hidden;
    this.#listeners.get('visibilitychange')!();
  }

  /** Lets time pass, and runs what is due. */
  pass(ms: number): void {
    const end = this.now + ms;
    for (;;) {
      const due = [...this.#timers].filter(([, { at }]) => at <= end).sort(([, a], [, b]) => a.at - b.at)[0];
      if (due === undefined) break;
      const [timer, { run, at }] = due;
      this.#timers.delete(timer);
      this.now = Math.max(this.now, at);
      run();
    }
    this.now = end;
  }

  stream(): Response {
    const signal = this.#signal;
    const event = new TextEncoder().encode('event: overview\ndata: 1\n\n');
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        const send = (): void => controller.enqueue(event);
        signal.addEventListener('abort', () => controller.error(signal.reason));
        this.streams.push({ signal, send, end: () => controller.close() });
        send();
      },
    });
    return new Response(body);
  }
}

async function bundled(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(ROOT, 'dashboard/core/feed.ts')],
    ...{ bundle: true, format: 'iife', globalName: 'feeding', write: false },
  });
  return outputFiles![0]!.text;
}

/** Resolves with the next value of a signal that is accepted. */
const next = <Value>(
  signal: Signal<Value>,
  isMeant: (value: Value) => boolean = () => true,
): Promise<Value> =>
  new Promise((resolve) => {
    const end = signal.subscribe(() => {
      if (!isMeant(signal.value)) return;
      end();
      resolve(signal.value);
    });
  });

describe('the event stream of the dashboard', () => {
  let code: string;
  before(async () => {
    code = await bundled();
  });

  const start = () => {
    const page = new FakePage();
    const feed = page.load(code);
    // A component reads the figures of the topic that it uses.
    feed.figures('overview');
    feed.use('overview');
    /** Lets time pass, and waits for the interruption that follows. @returns the pause that it begins */
    const pauseAfter = async (ms: number, cause = () => {}): Promise<number> => {
      const interrupted = next(feed.state, ({ kind }) => kind === 'interrupted');
      page.pass(ms);
      cause();
      return (await interrupted).retryAt! - page.now;
    };
    const liveAfter = (ms: number): Promise<State> => {
      const live = next(feed.state, ({ kind }) => kind === 'live');
      page.pass(ms);
      return live;
    };
    return { page, feed, pauseAfter, liveAfter };
  };

  it('is opened again after pauses that grow from 250 ms to 10 s, and are short again behind figures', async () => {
    const { page, pauseAfter, liveAfter } = start();
    page.respond = () => Promise.reject(new TypeError('nothing listens'));
    let pauseMs = 20;
    for (let failures = 0; failures < 12; failures++) {
      page.pass(pauseMs - 1);
      expect(page.requests).to.have.length(failures);
      pauseMs = await pauseAfter(2);
      const bound = Math.min(10_000, 500 * 2 ** failures);
      expect(pauseMs, `after ${failures + 1} failures`).to.be.within(bound / 2, bound);
    }
    page.respond = () => page.stream();
    await liveAfter(pauseMs + 1);
    expect(await pauseAfter(0, () => page.streams[0]!.end())).to.be.within(250, 500);
  });

  it('is opened again after the time that the process asks for, up to a minute', async () => {
    for (const [asked, pauseMs] of [
      ['3', 3_000],
      ['60', 60_000],
      ['86400', 60_000],
    ] as const) {
      const { page, pauseAfter } = start();
      page.respond = () => new Response('{}', { status: 503, headers: { 'retry-after': asked } });
      expect(await pauseAfter(20), asked).to.equal(pauseMs);
      page.pass(pauseMs - 1);
      expect(page.requests).to.have.length(1);
      page.pass(2);
      expect(page.requests).to.have.length(2);
    }
  });

  it('is closed when the page was hidden for a minute, and opened again when it is seen', async () => {
    const { page, feed, liveAfter } = start();
    await liveAfter(20);
    const [stream] = page.streams as [Stream];
    const passWithFigures = async (ms: number): Promise<void> => {
      for (let passed = 0; passed < ms; passed += 10_000) {
        const received = next(feed.figures('overview'));
        stream.send();
        await received;
        page.pass(10_000);
      }
    };
    page.isHidden = true;
    await passWithFigures(50_000);
    expect([stream.signal.aborted, page.requests.length]).to.deep.equal([false, 1]);
    await passWithFigures(10_000);
    expect(stream.signal.aborted).to.equal(true);
    page.pass(3_600_000);
    expect(page.requests).to.have.length(1);
    page.isHidden = false;
    page.pass(0);
    expect(page.requests).to.have.length(2);
  });
});
