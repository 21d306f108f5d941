// The operator's hand on the running process: log level, share of traces, routes. What is set here is in
// effect for all threads, those that start later included, and is gone with the process.
import type { Logger } from 'pino';
import type { Settings } from '../config.js';
import { NotFoundError, UnavailableError, ValidationError } from '../errors.js';
import type { Block } from '../memory/block.js';
import { SnapshotPage } from '../memory/snapshot-page.js';
import type { Switches } from '../memory/switches.js';
import { routeKey, type SwitchableRoute, writeSwitchedOff } from '../server/kill-switch.js';
import { type LogLevel, levelNumber } from '../telemetry/log-level.js';
import { boundOf, DEFAULT_SAMPLER, headSampler } from '../telemetry/sampler.js';
import { AUTO } from './switch-bodies.js';

/** Longer than a blip, shorter than people wait: it is not known when the route will be back. */
const DEFAULT_RETRY_AFTER_S = 30;
interface Given<T> {
  readonly value: T;
  readonly since: string;
  readonly reason: string | null;
}

export interface RouteState {
  /** Null when no worker has such a route any more. */
  readonly service: string | null;
  readonly method: string;
  readonly route: string;
  readonly state: 'on' | 'off';
  readonly retryAfterSeconds: number | null;
  readonly since: string | null;
  readonly reason: string | null;
}

/** Before anybody looks: what the settings say is in effect. */
export function applySettings(settings: Pick<Settings, 'logLevel' | 'otel'>, switches: Switches): void {
  switches.logLevel = levelNumber(settings.logLevel);
  switches.samplingBound = samplerOf(settings.otel).bound;
}

export class OperatorSwitches {
  readonly #settings: Pick<Settings, 'logLevel' | 'otel'>;
  readonly #switches: Switches;
  readonly #page: SnapshotPage;
  readonly #log: Logger;
  /** Of the settings. */
  readonly #sampler: { readonly name: string; readonly ratio: number; readonly bound: number };
  #logLevel: Given<LogLevel> | null = null;
  #ratio: Given<number> | null = null;
  /** By `routeKey`. */
  #off: ReadonlyMap<string, Given<{ method: string; template: string; retryAfterS: number }>> = new Map();
  #routes: readonly SwitchableRoute[] = [];

  /** Puts the settings into effect; before the first thread starts. */
  constructor(
    settings: Pick<Settings, 'logLevel' | 'otel'>,
    { block, switches }: { readonly block: Block; readonly switches: Switches },
    log: Logger,
  ) {
    this.#settings = settings;
    this.#switches = switches;
    this.#page = new SnapshotPage(block, 'switchedOff');
    this.#log = log;
    this.#sampler = samplerOf(settings.otel);
    applySettings(settings, switches);
  }

  /** What the newest thread answers: after a reload other routes than before, perhaps. */
  offered(routes: readonly SwitchableRoute[]): void {
    this.#routes = routes;
  }

  get logLevel() {
    const setting = this.#settings.logLevel;
    return { level: this.#logLevel?.value ?? setting, setting, ...whenAndWhy(this.#logLevel) };
  }

  setLogLevel(level: LogLevel | typeof AUTO, reason: string | null): void {
    const before = this.logLevel.level;
    this.#logLevel = level === AUTO ? null : given(level, reason);
    const { level: now } = this.logLevel;
    const tell = (): void => this.#changed('log level', before, now, reason);
    // Told while more is written, if it is written at all.
    if (levelNumber(now) > levelNumber(before)) tell();
    this.#switches.logLevel = levelNumber(now);
    if (levelNumber(now) <= levelNumber(before)) tell();
  }

  get sampling() {
    const { name, ratio } = this.#sampler;
    return {
      ratio: this.#ratio?.value ?? ratio,
      setting: ratio,
      sampler: name,
      exporting: this.#isExporting,
      ...whenAndWhy(this.#ratio),
    };
  }

  /** @throws ValidationError while nothing is exported: there is nothing to sample */
  setSampling(ratio: number | typeof AUTO, reason: string | null): void {
    if (!this.#isExporting) {
      throw new ValidationError(
        [{ path: '/ratio', message: 'no traces are exported: OTEL_EXPORTER_OTLP_ENDPOINT is not set' }],
        'There is nothing to sample.',
      );
    }
    const before = this.sampling.ratio;
    this.#ratio = ratio === AUTO ? null : given(ratio, reason);
    this.#switches.samplingBound = this.#ratio === null ? this.#sampler.bound : boundOf(this.#ratio.value);
    this.#changed('sampling ratio', before, this.sampling.ratio, reason);
  }

  /** All that can be switched, and what was switched off and is no more. */
  get routes(): readonly RouteState[] {
    const keys = new Set(this.#routes.map(({ method, template }) => routeKey(method, template)));
    const gone = [...this.#off].filter(([key]) => !keys.has(key)).map(([, { value }]) => value);
    return [
      ...this.#routes.map(({ service, method, template }) => this.#stateOf(service, method, template)),
      ...gone.map(({ method, template }) => this.#stateOf(null, method, template)),
    ];
  }

  /**
   * @param route as it was declared, or its template
   * @returns the routes of this name: more than one if they differ in what their parameters may be
   * @throws NotFoundError when no worker has it; UnavailableError STARTING before there is a worker;
   *   ValidationError when that many cannot be off
   */
  setRoute(
    method: string,
    route: string,
    state: 'on' | 'off',
    reason: string | null,
    retryAfterS = DEFAULT_RETRY_AFTER_S,
  ): readonly RouteState[] {
    const template = this.#templateOf(method, route);
    const key = routeKey(method, template);
    const off = new Map(this.#off);
    const before = off.delete(key) ? 'off' : 'on';
    if (state === 'off') off.set(key, given({ method, template, retryAfterS }, reason));
    this.#publish(new Map([...off].map(([one, { value }]) => [one, value.retryAfterS])));
    this.#off = off;
    this.#changed(`route ${key}`, before, state, reason);
    return this.routes.filter((one) => one.method === method && one.route === template);
  }

  #publish(off: ReadonlyMap<string, number>): void {
    try {
      this.#page.publish(writeSwitchedOff(Object.fromEntries(off)));
    } catch (cause) {
      if (!(cause instanceof RangeError)) throw cause;
      throw new ValidationError([{ path: '/state', message: 'too many routes are off' }]);
    }
  }

  #templateOf(method: string, route: string): string {
    if (this.#off.has(routeKey(method, route))) return route;
    if (this.#routes.length === 0) throw new UnavailableError('STARTING', 'No worker has started yet.');
    const found = this.#routes.find(
      (one) => one.method === method && (one.template === route || one.path === route),
    );
    if (found === undefined) {
      throw new NotFoundError(
        `No worker has a route ${method} ${route} that can be switched: see /switches.`,
      );
    }
    return found.template;
  }

  #stateOf(service: string | null, method: string, template: string): RouteState {
    const off = this.#off.get(routeKey(method, template)) ?? null;
    return {
      service,
      method,
      route: template,
      state: off === null ? 'on' : 'off',
      retryAfterSeconds: off?.value.retryAfterS ?? null,
      ...whenAndWhy(off),
    };
  }

  get #isExporting(): boolean {
    const { disabled, endpoint } = this.#settings.otel;
    return !disabled && endpoint !== undefined;
  }

  #changed(what: string, from: unknown, to: unknown, reason: string | null): void {
    if (from !== to) this.#log.warn({ switch: what, from, to, reason }, 'switched by an operator');
  }
}

const given = <T>(value: T, reason: string | null): Given<T> => ({
  value,
  since: new Date().toISOString(),
  reason,
});

const whenAndWhy = (one: Given<unknown> | null) => ({
  since: one?.since ?? null,
  reason: one?.reason ?? null,
});

/** As every thread resolves it. */
function samplerOf({ sampler, samplerArg }: Settings['otel']) {
  const known = headSampler(sampler, samplerArg);
  const name = known === undefined ? DEFAULT_SAMPLER : sampler;
  const { bound } = known ?? headSampler(DEFAULT_SAMPLER, samplerArg)!;
  const ratio = name.endsWith('traceidratio') ? samplerArg : bound === 0 ? 0 : 1;
  return { name, ratio, bound };
}
