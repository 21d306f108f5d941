// Connects the registry of this process with one that several processes share. What is registered here is
// announced there, and what others have announced appears here, after the same checks as a registration.
import type { Logger } from 'pino';
import { HttpError, UnavailableError } from '../../errors.js';
import type { Instance } from '../instance.js';
import type { Registry } from '../registry.js';
import { type Schedule, timers } from '../schedule.js';
import type { BackendEvents, FoundInstance, RegistryBackend } from './backend.js';
import { keyOf } from './backend-loop.js';

/** At most one line in this time tells of instances that were refused. */
const LOG_EVERY_MS = 10_000;
/** What may be admitted later is tried again after this time. */
const AGAIN_MS = 2_000;
/** Names of strangers are cut to this length in the log. */
const MOST_NAME = 128;

type SharedRegistry = Pick<Registry, 'mirror' | 'unmirror' | 'mirrored' | 'watchOwn'>;

export interface RegistrySyncOptions {
  readonly registry: SharedRegistry;
  readonly backend: RegistryBackend;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  /** Called for each instance of another process that is not admitted here. */
  readonly refused: () => void;
  /** Monotonic milliseconds. @default performance.now() */
  readonly clock?: () => number;
  /** @default timers of Node */
  readonly schedule?: Schedule;
}

export class RegistrySync implements BackendEvents {
  readonly #options: RegistrySyncOptions;
  readonly #clock: () => number;
  readonly #schedule: Schedule;
  #loggedAt = Number.NEGATIVE_INFINITY;
  #isAvailable = true;
  /** Instances that could not be admitted, but may be later. */
  readonly #later = new Map<string, FoundInstance>();
  /** Cancels the timer after which `#later` is tried again; undefined while there is none. */
  #cancelAgain: (() => void) | undefined;

  constructor(options: RegistrySyncOptions) {
    this.#options = options;
    this.#clock = options.clock ?? (() => performance.now());
    this.#schedule = options.schedule ?? timers;
  }

  /** The kind of the backend. */
  get kind(): string {
    return this.#options.backend.kind;
  }

  /** Whether the backend can be reached, as far as is known. */
  get isAvailable(): boolean {
    return this.#isAvailable;
  }

  start(): void {
    const { registry, backend } = this.#options;
    registry.watchOwn({
      changed: (instance) => backend.announce(announcementOf(instance)),
      left: (service, id) => backend.withdraw(service, id),
      removed: (service, id) => backend.remove(service, id),
    });
    backend.start(this);
  }

  close(): Promise<void> {
    this.#cancelAgain?.();
    return this.#options.backend.close();
  }

  listed(found: readonly FoundInstance[]): void {
    this.#later.clear();
    const { registry } = this.#options;
    const names = new Set(found.map(({ service, id }) => keyOf(service, id)));
    for (const [service, id] of registry.mirrored())
      if (!names.has(keyOf(service, id))) registry.unmirror(service, id);
    for (const one of found) this.found(one);
  }

  found(instance: FoundInstance): void {
    const { service, id, body } = instance;
    const key = keyOf(service, id);
    this.#later.delete(key);
    void this.#options.registry.mirror(service, id, body).catch((error: unknown) => {
      this.#refused(service, id, error);
      // There may be room later, or its name can be looked up then.
      if (error instanceof UnavailableError) this.#again(key, instance);
    });
  }

  #again(key: string, instance: FoundInstance): void {
    this.#later.set(key, instance);
    this.#cancelAgain ??= this.#schedule(AGAIN_MS, () => {
      this.#cancelAgain = undefined;
      for (const one of [...this.#later.values()]) this.found(one);
    });
  }

  left(service: string, id: string): void {
    this.#later.delete(keyOf(service, id));
    this.#options.registry.unmirror(service, id);
  }

  rejected(service: string, id: string, reason: string): void {
    const { backend, log } = this.#options;
    if (!this.#mayLog()) return;
    const fields = { registry: backend.kind, service, id, reason };
    log.warn(
      fields,
      'the registry does not admit an instance of this process, so others do not find it there',
    );
  }

  available(): void {
    this.#isAvailable = true;
    const { backend, log } = this.#options;
    log.info({ registry: backend.kind }, 'the registry can be reached again');
  }

  unavailable(err: Error): void {
    this.#isAvailable = false;
    const { backend, log } = this.#options;
    const message = 'the registry cannot be reached; the instances that were found before stay, trying again';
    log.warn({ registry: backend.kind, err }, message);
  }

  #mayLog(): boolean {
    if (this.#clock() - this.#loggedAt < LOG_EVERY_MS) return false;
    this.#loggedAt = this.#clock();
    return true;
  }

  #refused(service: string, id: string, error: unknown): void {
    const { backend, log, refused } = this.#options;
    refused();
    if (!this.#mayLog()) return;
    const reason = error instanceof HttpError ? error.message : String(error);
    const names = { service: service.slice(0, MOST_NAME), id: id.slice(0, MOST_NAME) };
    const fields = { registry: backend.kind, ...names, reason, err: error };
    log.warn(fields, 'an instance in the registry is not admitted here');
  }
}

function announcementOf({ registration, state, local: isLocal }: Instance) {
  const { service, id, healthCheckPath: _, ...body } = registration;
  const told = state === 'starting' || state === 'draining' ? state : 'healthy';
  // Others probe one with a health check by themselves.
  const isProbed = registration.healthCheckUrl !== null && told === 'starting';
  return {
    service,
    id,
    body: { ...body, state: isProbed ? ('healthy' as const) : (told as 'starting' | 'healthy' | 'draining') },
    isStatic: registration.ttlSeconds === 0,
    isLocal,
  };
}
