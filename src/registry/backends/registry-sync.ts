// Connects the registry of this process with one that several processes share. What is registered here is
// announced there, and what others have announced appears here, after the same checks as a registration.
import type { Logger } from 'pino';
import type { Countdown } from '../../countdown.js';
import { HttpError, UnavailableError, ValidationError } from '../../errors.js';
import type { Instance } from '../instance.js';
import type { Registry } from '../registry.js';
import { type Schedule, timers } from '../schedule.js';
import { AdmissionQueue } from './admission-queue.js';
import type { Announced, BackendEvents, FoundInstance, RegistryBackend } from './backend.js';
import { keyOf } from './instance-key.js';
import { outageText } from './outage-text.js';

/** How long the withdrawal may take: others take what is not withdrawn for gone when it expires. */
const WITHDRAWAL = { atMostMs: 2_000, reserveMs: 1_050, atLeastMs: 40 };
/** At most one line of a kind in this time. */
const LOG_EVERY_MS = 10_000;
/** Names of strangers are cut to this length in the log. */
const MOST_NAME = 128;

type SharedRegistry = Pick<Registry, 'mirror' | 'unmirror' | 'mirrored' | 'watchOwn'>;

export interface RegistrySyncOptions {
  readonly registry: SharedRegistry;
  readonly backend: RegistryBackend;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  /**
   * Whether instances that clients have registered at other processes may belong to services that this
   * process serves itself: when all processes ask for a token for that.
   */
  readonly mayShadowLocal: boolean;
  /** Called for each instance of another process that is not admitted here. */
  readonly refused: () => void;
  /** Called for each instance of this process that the backend does not admit. */
  readonly rejected: () => void;
  /** Monotonic milliseconds. @default performance.now() */
  readonly clock?: () => number;
  /** @default timers of Node */
  readonly schedule?: Schedule;
}

type Kind = 'refused' | 'rejected' | 'outage';

export class RegistrySync implements BackendEvents {
  readonly #options: RegistrySyncOptions;
  readonly #clock: () => number;
  readonly #loggedAt = new Map<Kind, number>();
  /** What is wrong with the registry; undefined: nothing, as far as is known. */
  #outage: string | undefined;
  /** The log tells of the outage, so it tells of its end. */
  #isOutageLogged = false;
  readonly #queue: AdmissionQueue;

  constructor(options: RegistrySyncOptions) {
    this.#options = options;
    this.#clock = options.clock ?? (() => performance.now());
    const admit = (instance: FoundInstance, isAgain: boolean) => this.#admit(instance, isAgain);
    this.#queue = new AdmissionQueue(admit, options.schedule ?? timers);
  }

  /** The kind of the backend. */
  get kind(): string {
    return this.#options.backend.kind;
  }

  /** Whether the backend can be reached, as far as is known. */
  get isAvailable(): boolean {
    return this.#outage === undefined;
  }

  /** What is wrong with the registry, behind "the registry"; undefined: nothing, as far as is known. */
  get outage(): string | undefined {
    return this.#outage;
  }

  start(): void {
    const { registry, backend } = this.#options;
    registry.watchOwn({
      changed: (instance) => backend.announce(announcementOf(instance, this.#clock)),
      left: (service, id) => backend.withdraw(service, id),
      removed: ({ registration: { service, id, ttlSeconds }, registrationId }) =>
        backend.remove(service, id, registrationId, ttlSeconds),
    });
    backend.start(this);
  }

  /**
   * Withdraws what is announced.
   * @param countdown the time that is left for this process. @default no limit
   */
  async close(countdown?: Countdown): Promise<void> {
    this.#queue.close();
    const isOver = new AbortController();
    const closed = this.#options.backend.close(isOver.signal);
    if (countdown !== undefined && !(await countdown.ends(closed, WITHDRAWAL))) isOver.abort();
    await closed;
  }

  listed(names: ReadonlySet<string>): void {
    const { registry } = this.#options;
    this.#queue.retain(names);
    for (const [service, id] of registry.mirrored())
      if (!names.has(keyOf(service, id))) registry.unmirror(service, id);
  }

  found(instance: FoundInstance): void {
    this.#queue.add(instance);
  }

  left(service: string, id: string): void {
    this.#queue.remove(service, id);
    this.#options.registry.unmirror(service, id);
  }

  rejected(service: string, id: string, reason: string): void {
    const { backend, log, rejected } = this.#options;
    rejected();
    if (!this.#mayLog('rejected')) return;
    const fields = { registry: backend.kind, service, id, reason };
    log.warn(
      fields,
      'the registry does not admit a change of this process, so others do not learn of it; trying again',
    );
  }

  available(): void {
    this.#outage = undefined;
    const { backend, log } = this.#options;
    if (this.#isOutageLogged) log.info({ registry: backend.kind }, 'the registry can be reached again');
    this.#isOutageLogged = false;
  }

  unavailable(err: Error): void {
    this.#outage = outageText(err);
    const { backend, log } = this.#options;
    if (!this.#mayLog('outage')) return;
    this.#isOutageLogged = true;
    const message = `the registry ${this.#outage}; the instances that were found before stay, trying again`;
    log.warn({ registry: backend.kind, err }, message);
  }

  /** @returns whether the instance may be admitted later */
  async #admit({ service, id, body, isLocal }: FoundInstance, isAgain: boolean): Promise<boolean> {
    const { registry, mayShadowLocal } = this.#options;
    try {
      await registry.mirror(service, id, body, { isServed: isLocal, mayShadowLocal });
      return false;
    } catch (error) {
      if (!isAgain) this.#refused(service, id, error);
      // There may be room later, or its name can be looked up then. What it was before is no more.
      if (!(error instanceof UnavailableError)) registry.unmirror(service, id);
      return !(error instanceof ValidationError);
    }
  }

  #mayLog(kind: Kind): boolean {
    const now = this.#clock();
    if (now - (this.#loggedAt.get(kind) ?? Number.NEGATIVE_INFINITY) < LOG_EVERY_MS) return false;
    this.#loggedAt.set(kind, now);
    return true;
  }

  #refused(service: string, id: string, error: unknown): void {
    const { backend, log, refused } = this.#options;
    refused();
    if (!this.#mayLog('refused')) return;
    const reason = error instanceof HttpError ? error.message : String(error);
    const names = { service: service.slice(0, MOST_NAME), id: id.slice(0, MOST_NAME) };
    const fields = { registry: backend.kind, ...names, reason, err: error };
    log.warn(fields, 'an instance in the registry is not admitted here');
  }
}

function announcementOf(instance: Instance, clock: () => number): Announced {
  const { registration, state, local: isLocal, registrationId } = instance;
  const { service, id, healthCheckPath: _, ...body } = registration;
  const told = state === 'starting' || state === 'draining' ? state : 'healthy';
  // Others probe one with a health check by themselves.
  const isProbed = registration.healthCheckUrl !== null && told === 'starting';
  const known = { ...body, state: isProbed ? 'healthy' : told } as const;
  return {
    service,
    id,
    body: registrationId === null ? known : { ...known, registrationId },
    isStatic: registration.ttlSeconds === 0,
    isLocal,
    // A renewal changes this time, and is no change for others.
    isExpired: () => instance.expiresAt <= clock(),
  };
}
