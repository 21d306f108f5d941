// Shared by the tests of this module: an App whose dependencies are faked and recorded.
import type { HttpError } from '#src/errors.js';
import { AddressCells, addressKeys } from '#src/memory/address-cells.js';
import { Block } from '#src/memory/block.js';
import { BulkheadCells } from '#src/memory/bulkhead-cells.js';
import type { QuotaName } from '#src/memory/layout.js';
import { QuotaCells } from '#src/memory/quota-cells.js';
import { oneRegion } from '#src/memory/rate/rate-regions.js';
import { RateTable } from '#src/memory/rate/rate-table.js';
import { BulkheadQueue } from '#src/resilience/bulkhead-queue.js';
import { Quota } from '#src/resilience/quota.js';
import { App } from '#src/server/app.js';
import type { AppOptions } from '#src/server/app-options.js';
import type { Application } from '#src/server/handler.js';
import { type InjectedResponse, inject } from '#src/server/inject.js';
import type { InjectedRequest } from '#src/server/inject-exchange.js';
import type { RequestObserver, RequestQuotas } from '#src/server/request-observer.js';
import type { Ticker } from '#src/server/timer-wheel.js';
import { createLogger } from '#src/telemetry/log.js';
import { acceptTracestate } from '#src/telemetry/propagation.js';
import type { IncomingTrace, SpanHandle, SpanStart, Tracing } from '#src/telemetry/span.js';
import { TraceIds } from '#src/telemetry/trace-ids.js';
import { UnsampledRequest } from '#src/telemetry/unrecorded.js';

export interface Seen {
  readonly method: string;
  readonly template: string | undefined;
  readonly status: number;
  readonly microseconds: number;
  readonly error: string | undefined;
}

/** Records every request, and which route is reported to run. */
export class RecordingObserver implements RequestObserver {
  readonly seen: Seen[] = [];
  /** Templates of the handlers that run synchronously now, as published. */
  current = 0;
  begun = 0;
  readonly refusals: string[] = [];
  /** The meters by method and template, `GET /a/{id}`. */
  readonly meters = new Map<string, ReturnType<RequestObserver['meter']>>();
  readonly #templates: (string | undefined)[] = [undefined];
  #waiting: { count: number; resolve: () => void }[] = [];

  rpcMeter(path: string | undefined): ReturnType<RequestObserver['meter']> {
    return this.meter('GRPC', path);
  }

  meter(method: string, template: string | undefined): ReturnType<RequestObserver['meter']> {
    const row = this.#templates.push(template) - 1;
    const meter: ReturnType<RequestObserver['meter']> = {
      routeNumber: 0,
      begin: () => ++this.begun,
      enter: () => {
        const before = this.current;
        this.current = row;
        return before;
      },
      leave: (before) => {
        this.current = before;
      },
      end: (_begun, status, microseconds, error) => {
        this.seen.push({ method, template, status, microseconds, error });
        this.#waiting = this.#waiting.filter(({ count, resolve }) => {
          if (this.seen.length < count) return true;
          resolve();
          return false;
        });
      },
    };
    this.meters.set(`${method} ${template}`, meter);
    return meter;
  }

  refused(reason: string): void {
    this.refusals.push(reason);
  }

  get running(): string | undefined {
    return this.#templates[this.current];
  }

  /** Resolves when this many requests have ended. */
  ended(count: number): Promise<void> {
    if (this.seen.length >= count) return Promise.resolve();
    return new Promise((resolve) => void this.#waiting.push({ count, resolve }));
  }
}

/** Records when spans begin and end; `sampled` decides whether they are recording. */
export class RecordingTracing implements Tracing {
  enabled = true;
  readonly started: (SpanStart & { trusted: boolean })[] = [];
  readonly ended: { status: unknown; error: string | undefined }[] = [];

  samples(): boolean {
    return this.enabled;
  }

  unsampled(incoming: IncomingTrace): SpanHandle {
    return new UnsampledRequest(new TraceIds(), 0, incoming.traceparent, incoming.tracestate);
  }

  keep(incoming: IncomingTrace, start: SpanStart): SpanHandle {
    this.started.push({ ...start, trusted: incoming.trusted });
    const attributes: Record<string, unknown> = {};
    return {
      recording: true,
      context: {
        traceId: incoming.traceparent?.slice(3, 35) ?? 'f'.repeat(32),
        spanId: 'e'.repeat(16),
        sampled: true,
        tracestate: acceptTracestate(incoming.tracestate),
      },
      setAttribute: (name, value) => {
        attributes[name] = value;
      },
      end: (error) => void this.ended.push({ status: attributes['http.response.status_code'], error }),
    };
  }

  begin(): never {
    throw new Error('the server begins no spans of its own');
  }
  async flush(): Promise<void> {}
  async shutdown(): Promise<void> {}
}

/** A clock that advances only when a test advances it. */
export class ManualTicker implements Ticker {
  #now = 1000;
  readonly #turns = new Set<(at: number) => void>();
  /** The number of calls of `every`. */
  started = 0;

  now(): number {
    return this.#now;
  }

  every(_ms: number, turn: (at: number) => void): () => void {
    this.started += 1;
    this.#turns.add(turn);
    return () => this.#turns.delete(turn);
  }

  get ticking(): boolean {
    return this.#turns.size > 0;
  }

  advance(ms: number): void {
    for (let left = ms; left > 0; left -= 500) this.stall(Math.min(left, 500));
  }

  /**
   * Advances the clock while the event loop is stalled: it turns once, after that.
   * @param read handles what has arrived meanwhile
   * @param readMs duration of `read` in milliseconds
   */
  stall(ms: number, read: () => void = () => {}, readMs = 0): void {
    this.#now += ms;
    const at = this.#now;
    read();
    this.#now += readMs;
    for (const turn of [...this.#turns]) turn(at);
  }
}

export interface Bench {
  readonly app: App;
  readonly observer: RecordingObserver;
  readonly tracing: RecordingTracing;
  /** Lines that were logged, parsed. */
  readonly logs: Record<string, unknown>[];
  /** Switches of the faked dependencies. */
  readonly world: { draining: boolean; permits: number; holdMs: number; trusted: boolean };
  /** Routes whose bulkhead has refused a request. */
  readonly refused: readonly string[];
  readonly quotas: RequestQuotas;
  /** The clock of rate limits in milliseconds. It advances only when a test sets it. */
  readonly rateClock: { now: number };
  readonly rateTable: RateTable;
  readonly inject: (request: InjectedRequest) => Promise<Answer>;
}

export interface Answer extends InjectedResponse {
  readonly text: () => string;
  readonly json: () => Problem;
}

export interface Problem {
  [member: string]: unknown;
  readonly errors: readonly { path: string; message: string }[];
}

export const SETTINGS: AppOptions['settings'] = {
  maxBodyBytes: 1 << 20,
  chunkedBodies: 'accept',
  requestTimeoutMs: 30_000,
  meshToken: undefined,
  trustedProxies: [],
  trustedProxyField: 'x-forwarded-for',
  configFile: undefined,
  rateLimit: null,
  rateLimitScope: 'process',
};

type Overrides = Partial<AppOptions['settings']> &
  Pick<AppOptions, 'ticker' | 'fileClock' | 'loads' | 'requestLog' | 'httpCore'> & {
    quotas?: Partial<QuotaBounds>;
  };

/** For each quota: its total, and what one address may hold. */
export type QuotaBounds = Readonly<Record<'bodies' | 'bodyBytes' | 'streams', readonly [number, number]>>;

const PLENTY: QuotaBounds = { bodies: [1e6, 1e6], bodyBytes: [1e9, 1e9], streams: [1e6, 1e6] };

/** @param refused gets the name of a quota for every refusal */
export function quotasOf(bounds: QuotaBounds, refused: (name: string) => void = () => {}): RequestQuotas {
  const block = Block.create({ workers: 1 });
  const quota = (name: keyof QuotaBounds, loose?: QuotaName) =>
    new Quota({
      units: new QuotaCells(block, 1, name),
      shares: new AddressCells(block, 1, name),
      most: bounds[name][0],
      mostEach: bounds[name][1],
      ...(loose !== undefined && { loose: new QuotaCells(block, 1, loose) }),
      onRefused: () => refused(name),
    });
  return {
    bodies: quota('bodies'),
    bodyBytes: quota('bodyBytes', 'looseBodyBytes'),
    streams: quota('streams'),
    addressKey: addressKeys(block),
  };
}

export function bench(
  fill: (app: Application) => void,
  { ticker, fileClock, quotas: bounds, loads, requestLog, httpCore, ...settings }: Overrides = {},
): Bench {
  const logs: Record<string, unknown>[] = [];
  const log = createLogger(
    { logLevel: 'info', logFormat: 'json' },
    {},
    { write: (line) => void logs.push(JSON.parse(line) as Record<string, unknown>), flush: () => {} },
  );
  const observer = new RecordingObserver();
  const tracing = new RecordingTracing();
  const world = { draining: false, permits: Number.POSITIVE_INFINITY, holdMs: 0, trusted: true };
  const rateClock = { now: 1_000 };
  const refused: string[] = [];
  let bulkheads: BulkheadCells | undefined;
  const quotas = quotasOf({ ...PLENTY, ...bounds }, (name) => refused.push(name));
  const rateTable = new RateTable({
    regions: oneRegion(
      new Int32Array(new SharedArrayBuffer(64 * 64)),
      new Int32Array(new SharedArrayBuffer(4)),
    ),
    secret: Int32Array.of(1, 2),
    clock: () => rateClock.now,
  });
  const app = new App({
    settings: { ...SETTINGS, ...settings },
    observer,
    tracing,
    log,
    ...(requestLog !== undefined && { requestLog }),
    gates: {
      gate: () => ({
        enter() {
          if (world.permits <= 0) return 0;
          world.permits--;
          return 1;
        },
        leave() {
          world.permits++;
        },
        get holdMs() {
          return world.holdMs;
        },
      }),
      bulkhead: (name, options) => {
        bulkheads ??= new BulkheadCells(Block.create({ workers: 1 }), 1);
        const permits = bulkheads.of(name);
        return new BulkheadQueue({ permits, ...options, onRefused: () => void refused.push(name) });
      },
    },
    quotas,
    rateLimits: rateTable,
    draining: () => world.draining,
    trustsTraceFlags: () => world.trusted,
    ...(httpCore === undefined ? {} : { httpCore }),
    ...(loads === undefined ? {} : { loads }),
    ...(ticker === undefined ? {} : { ticker }),
    ...(fileClock === undefined ? {} : { fileClock }),
  });
  app.mount('demo', fill);
  return {
    app,
    observer,
    tracing,
    logs,
    world,
    quotas,
    rateClock,
    rateTable,
    refused,
    inject: async (request) => {
      const response = await inject(app, request);
      const text = (): string => Buffer.from(response.body).toString();
      return { ...response, text, json: () => JSON.parse(text()) as Problem };
    },
  };
}

/** The error that a function throws, or undefined. */
export function thrownBy(run: () => unknown): HttpError | undefined {
  try {
    run();
  } catch (error) {
    return error as HttpError;
  }
  return undefined;
}

export { latch } from './latch.js';

/** Lets everything that is ready run. */
export const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
