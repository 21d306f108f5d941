// What an operator may change while the process runs: the log level, the shares of requests that are logged
// and of traces that are kept, and which routes are off. A change is in effect for all threads, also for
// those that start later, and ends with the process.
import type { Settings } from '../config.js';
import { NotFoundError, UnavailableError, ValidationError } from '../errors.js';
import type { Block } from '../memory/block.js';
import type { Switches } from '../memory/switches.js';
import { TextPage } from '../memory/text-page.js';
import { routeKey, type SwitchableRoute, writeSwitchedOff } from '../server/kill-switch.js';
import { type LogLevel, levelNumber } from '../telemetry/log-level.js';
import { boundOf, DEFAULT_SAMPLER, headSampler } from '../telemetry/sampler.js';
import {
  type OperatorValue,
  type SwitchChange,
  setNow,
  sinceAndReason,
  switchChange,
} from './operator-value.js';
import { AUTO } from './switch-bodies.js';

/** `Retry-After` of a route that is off: it is not known when the route will be on again. */
const DEFAULT_RETRY_AFTER_S = 30;

export interface RouteState {
  /** Null when no worker has this route any more. */
  readonly service: string | null;
  readonly method: string;
  readonly route: string;
  readonly state: 'on' | 'off';
  readonly retryAfterSeconds: number | null;
  readonly since: string | null;
  readonly reason: string | null;
}

/** The settings that the switches begin with. */
export type SwitchSettings = Pick<Settings, 'logLevel' | 'requestLog' | 'otel'>;

/**
 * Writes the log level, the request log and the sampling of the settings to shared memory, before the first
 * thread reads them.
 */
export function applySettings(settings: SwitchSettings, switches: Switches): void {
  switches.logLevel = levelNumber(settings.logLevel);
  switches.requestLogShare = settings.requestLog;
  switches.samplingBound = samplerOf(settings.otel).bound;
}

export class OperatorSwitches {
  readonly #settings: SwitchSettings;
  readonly #switches: Switches;
  /** The page of shared memory by which workers learn which routes are off. */
  readonly #page: TextPage;
  /** The sampler of the settings. `bound` is its ratio as shared memory has it (Switches.samplingBound). */
  readonly #sampler: { readonly name: string; readonly ratio: number; readonly bound: number };
  #logLevel: OperatorValue<LogLevel> | null = null;
  #ratio: OperatorValue<number> | null = null;
  #requestLog: OperatorValue<number> | null = null;
  /** The routes that are off, by `routeKey`. */
  #off: ReadonlyMap<string, OperatorValue<{ method: string; template: string; retryAfterS: number }>> =
    new Map();
  #routes: readonly SwitchableRoute[] = [];
  /** What `routes` returns; undefined after a change. */
  #states: readonly RouteState[] | undefined;

  /** Puts the settings into effect. Call it before the first thread starts. */
  constructor(
    settings: SwitchSettings,
    { block, switches }: { readonly block: Block; readonly switches: Switches },
  ) {
    this.#settings = settings;
    this.#switches = switches;
    this.#page = new TextPage(block);
    this.#sampler = samplerOf(settings.otel);
    applySettings(settings, switches);
  }

  /** @param routes those of the newest thread; after a reload they may be others than before */
  setKnownRoutes(routes: readonly SwitchableRoute[]): void {
    this.#routes = routes;
    this.#states = undefined;
  }

  /** The routes of the newest thread, as they were declared. */
  get declaredRoutes(): readonly SwitchableRoute[] {
    return this.#routes;
  }

  get logLevel() {
    const setting = this.#settings.logLevel;
    return { level: this.#logLevel?.value ?? setting, setting, ...sinceAndReason(this.#logLevel) };
  }

  setLogLevel(level: LogLevel | typeof AUTO, reason: string | null): SwitchChange {
    const before = this.logLevel.level;
    this.#logLevel = level === AUTO ? null : setNow(level, reason);
    const { level: now } = this.logLevel;
    this.#switches.logLevel = levelNumber(now);
    return switchChange('log level', before, now, reason);
  }

  get requestLog() {
    const setting = this.#settings.requestLog;
    return { ratio: this.#requestLog?.value ?? setting, setting, ...sinceAndReason(this.#requestLog) };
  }

  setRequestLog(ratio: number | typeof AUTO, reason: string | null): SwitchChange {
    const before = this.requestLog.ratio;
    this.#requestLog = ratio === AUTO ? null : setNow(ratio, reason);
    this.#switches.requestLogShare = this.requestLog.ratio;
    return switchChange('request log', before, this.requestLog.ratio, reason);
  }

  get sampling() {
    const { name, ratio } = this.#sampler;
    return {
      ratio: this.#ratio?.value ?? ratio,
      setting: ratio,
      sampler: name,
      recording: !this.#settings.otel.disabled,
      exporting: this.#isExporting,
      ...sinceAndReason(this.#ratio),
    };
  }

  /** @throws ValidationError while no traces are recorded */
  setSampling(ratio: number | typeof AUTO, reason: string | null): SwitchChange {
    if (this.#settings.otel.disabled) {
      throw new ValidationError(
        [{ path: '/ratio', message: 'no traces are recorded: OTEL_SDK_DISABLED is on' }],
        'There is nothing to sample.',
      );
    }
    const before = this.sampling.ratio;
    this.#ratio = ratio === AUTO ? null : setNow(ratio, reason);
    this.#switches.samplingBound = this.#ratio === null ? this.#sampler.bound : boundOf(this.#ratio.value);
    return switchChange('sampling ratio', before, this.sampling.ratio, reason);
  }

  /**
   * The routes that can be switched, together with those that are off although no worker has them any more.
   */
  get routes(): readonly RouteState[] {
    this.#states ??= this.#allStates();
    return this.#states;
  }

  #allStates(): readonly RouteState[] {
    const keys = new Set(this.#routes.map(({ method, template }) => routeKey(method, template)));
    const gone = [...this.#off].filter(([key]) => !keys.has(key)).map(([, { value }]) => value);
    return [
      ...this.#routes.map(({ service, method, template }) => this.#stateOf(service, method, template)),
      ...gone.map(({ method, template }) => this.#stateOf(null, method, template)),
    ];
  }

  /**
   * Switches a route on or off.
   * @param route the path as it was declared, or its template, in which parameters have no expressions
   * @returns the change, and the routes of this template: several when they differ in the expressions of
   *   their parameters
   * @throws NotFoundError when no worker has the route
   * @throws UnavailableError STARTING before there is a worker
   * @throws ValidationError when too many routes are off
   */
  setRoute(
    method: string,
    route: string,
    state: 'on' | 'off',
    reason: string | null,
    retryAfterS = DEFAULT_RETRY_AFTER_S,
  ): { readonly change: SwitchChange; readonly routes: readonly RouteState[] } {
    const template = this.#requireTemplate(method, route);
    const key = routeKey(method, template);
    const off = new Map(this.#off);
    const before = off.delete(key) ? 'off' : 'on';
    if (state === 'off') off.set(key, setNow({ method, template, retryAfterS }, reason));
    this.#publish(new Map([...off].map(([one, { value }]) => [one, value.retryAfterS])));
    this.#off = off;
    this.#states = undefined;
    return {
      change: switchChange(`route ${key}`, before, state, reason),
      routes: this.routes.filter((one) => one.method === method && one.route === template),
    };
  }

  /**
   * @param route the path as it was declared, or its template
   * @returns the template; undefined when no worker has the route, and it is not off
   */
  templateOf(method: string, route: string): string | undefined {
    if (this.#off.has(routeKey(method, route))) return route;
    return this.#routes.find((one) => one.method === method && (one.template === route || one.path === route))
      ?.template;
  }

  #publish(off: ReadonlyMap<string, number>): void {
    try {
      this.#page.publish(writeSwitchedOff(Object.fromEntries(off)));
    } catch (cause) {
      if (!(cause instanceof RangeError)) throw cause;
      throw new ValidationError([{ path: '/state', message: 'too many routes are off' }]);
    }
  }

  #requireTemplate(method: string, route: string): string {
    const template = this.templateOf(method, route);
    if (template !== undefined) return template;
    if (this.#routes.length === 0) throw new UnavailableError('STARTING', 'No worker has started yet.');
    throw new NotFoundError(`No worker has a route ${method} ${route} that can be switched: see /switches.`);
  }

  #stateOf(service: string | null, method: string, template: string): RouteState {
    const off = this.#off.get(routeKey(method, template)) ?? null;
    return {
      service,
      method,
      route: template,
      state: off === null ? 'on' : 'off',
      retryAfterSeconds: off?.value.retryAfterS ?? null,
      ...sinceAndReason(off),
    };
  }

  get #isExporting(): boolean {
    const { disabled, endpoint } = this.#settings.otel;
    return !disabled && endpoint !== undefined;
  }
}

/** Finds the sampler that the settings mean. An unknown name means the default one, as in every thread. */
function samplerOf({ sampler, samplerArg }: Settings['otel']) {
  const known = headSampler(sampler, samplerArg);
  const name = known === undefined ? DEFAULT_SAMPLER : sampler;
  const { bound } = known ?? headSampler(DEFAULT_SAMPLER, samplerArg)!;
  const ratio = name.endsWith('traceidratio') ? samplerArg : bound === 0 ? 0 : 1;
  return { name, ratio, bound };
}
