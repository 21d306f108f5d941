// The contract of a registry that several processes share. A process announces its own instances there, and
// learns of those of others; registry-sync.ts connects it with the registry of the process. Implementations:
// postgres-backend.ts, etcd-backend.ts, http-backend.ts. test/conformance/registry-backends.test.ts runs the
// same cases over all.

/** An instance that this process announces: its own, or one that a client has registered here. */
export interface Announced {
  readonly service: string;
  readonly id: string;
  /** The body with which a client would register it, and its state. */
  readonly body: AnnouncedBody;
  /** This process itself serves it, so it is there whatever others say. */
  readonly isLocal: boolean;
  /** It stays after this process has ended, until a client removes it (`ttlSeconds` 0). */
  readonly isStatic: boolean;
  /**
   * Whether its client has not renewed it in time: it leaves soon, or is renewed late after a pause of this
   * process. Until then it is not announced, because others may have removed it in the pause.
   */
  readonly isExpired: () => boolean;
}

/**
 * The state is `healthy` for one whose health others have to find out, too. The id of the registration by a
 * client stays the same in all changes of that registration, at whichever process they are made.
 */
export type AnnouncedBody = Readonly<Record<string, unknown>> & {
  readonly state: 'starting' | 'healthy' | 'draining';
  readonly registrationId?: string;
};

/** What another process has announced. Nothing of it is checked. */
export interface FoundInstance {
  readonly service: string;
  readonly id: string;
  readonly body: unknown;
  /** That process serves it itself; otherwise a client has registered it there. */
  readonly isLocal: boolean;
  /** Differs when anything has changed; undefined where the backend has no such thing. */
  readonly version?: string;
}

export interface BackendEvents {
  /**
   * The names of the instances of all other processes: whatever else was found before has left. `found` is
   * called for those that are new, or have changed.
   */
  listed(names: ReadonlySet<string>): void;
  /** One that is new, or has changed. It may be one that this process has announced before. */
  found(instance: FoundInstance): void;
  /** One has left, or was removed by a client of another process. */
  left(service: string, id: string): void;
  /**
   * The backend does not admit an instance of this process, or its withdrawal or removal. It is tried again,
   * ever more rarely.
   */
  rejected(service: string, id: string, reason: string): void;
  /** The backend can be reached again, and everything was listed. */
  available(): void;
  /** It cannot be reached: what was found before stays. It is called once for each outage. */
  unavailable(error: Error): void;
}

/**
 * Announces instances and watches those of others. None of its methods throws or waits: what cannot be done
 * now is done as soon as the backend can be reached.
 */
export interface RegistryBackend {
  /** Its kind, for metrics and messages: `postgres`. */
  readonly kind: string;
  start(events: BackendEvents): void;
  /** Announces an instance, or its change, and renews it until it is withdrawn or another process has it. */
  announce(instance: Announced): void;
  /** Ends the announcement of an instance, unless another process has announced it since. */
  withdraw(service: string, id: string): void;
  /**
   * A client removes an instance, of this or another process. Over a link that works it removes what is there
   * when the removal arrives. After an outage it removes what this process has announced or known, and
   * whatever has become of the same registration; what was registered later stays. No later change of a
   * registration that was removed, by a process that does not know that yet, brings it back: the registry
   * remembers the removal for as long as a process can keep the instance (`rememberedSeconds`).
   * @param registrationId that of the instance, as far as is known
   * @param ttlSeconds that of its registration
   */
  remove(service: string, id: string, registrationId: string | null, ttlSeconds: number): void;
  /**
   * Withdraws what this process has announced, but for static instances, and ends. Never rejects.
   * @param signal ends it at once: what is not withdrawn yet expires. @default it is not ended
   */
  close(signal?: AbortSignal): Promise<void>;
}
