// The surrounding system of the crash test: participants that, like the services, are idempotent under their
// keys and keep tombstones; steps that follow a script; and engines that can die at any moment.
import { BusinessError } from '#src/errors.js';
import type { Journal } from '#src/saga/journal.js';
import type { StepContext } from '#src/saga/saga.js';
import type { Step } from './harness.js';

/**
 * What one forward attempt does. `crash`: the worker dies; `hang`: the attempt never returns; `stall`: the
 * whole worker is stalled for longer than its leases last, and then continues.
 */
export type Behavior =
  | 'ok'
  | 'refuse'
  | 'fail before'
  | 'fail after'
  | 'crash before'
  | 'crash after'
  | 'hang'
  | 'hang after'
  | 'stall after';
/** What one compensation attempt does. */
export type UndoDeed = 'ok' | 'fail before' | 'fail after' | 'crash before' | 'crash after';

export interface StepScript {
  /** One entry for each attempt; further attempts are `ok`. */
  readonly behaviors: readonly Behavior[];
  readonly undos: readonly UndoDeed[];
  readonly attempts: number;
  readonly canResolve: boolean;
}

const never = new Promise<never>(() => {});

/** The life of one engine: after its death its queries get no reply. */
export class Life {
  alive = true;
  stalled = false;
  #awake: Promise<void> = Promise.resolve();
  #onDeath = (): void => {};
  readonly died = new Promise<void>((resolve) => (this.#onDeath = resolve));

  die(): Promise<never> {
    this.alive = false;
    this.#onDeath();
    return never;
  }

  /** Stalls while other engines continue: their pauses advance the clock by far more than a lease. */
  stall(): void {
    this.stalled = true;
    this.#awake = (async () => {
      for (let turn = 0; turn < 40; turn++) await new Promise(setImmediate);
    })();
  }

  /** A dead engine does not wake up. */
  sleep(sleep: (ms: number, signal: AbortSignal) => Promise<void>): typeof sleep {
    return async (ms, signal) => {
      await sleep(ms, signal);
      if (!this.alive) await never;
    };
  }

  /** @param dieAt number of the journal write at which it dies, and whether that write still happens */
  journal(journal: Journal, dieAt: { readonly write: number; readonly after: boolean } | undefined): Journal {
    let writes = 0;
    const mortal =
      <A extends unknown[], R>(method: (...args: A) => Promise<R>, counts: boolean) =>
      async (...args: A): Promise<R> => {
        await this.#awake;
        if (!this.alive) return never;
        const last = counts && ++writes === dieAt?.write;
        if (last && !dieAt.after) return this.die();
        const result = await method(...args);
        return last ? this.die() : this.alive ? result : never;
      };
    return {
      create: mortal(journal.create.bind(journal), true),
      write: mortal(journal.write.bind(journal), true),
      claim: mortal(journal.claim.bind(journal), true),
      load: mortal(journal.load.bind(journal), false),
      take: mortal(journal.take.bind(journal), false),
      time: mortal(journal.time.bind(journal), false),
      redate: mortal(journal.redate.bind(journal), false),
      markKnown: mortal(journal.markKnown.bind(journal), false),
      renew: mortal(journal.renew.bind(journal), false),
      release: mortal(journal.release.bind(journal), false),
      list: mortal(journal.list.bind(journal), false),
    };
  }
}

export class World {
  /** Forward keys whose effect has happened and was not undone. */
  readonly effects = new Set<string>();
  /** How often each key had its effect; more than once is an error. */
  readonly made = new Map<string, number>();
  readonly #tombstones = new Set<string>();
  /** Successful compensations in order, by saga. */
  readonly undone = new Map<string, number[]>();
  /** Sagas of which two live engines ran steps at the same time, which must never happen. */
  readonly atOnce: string[] = [];
  /** The life that runs a step of a saga. */
  readonly #inside = new Map<string, Life>();
  readonly #attempts = new Map<string, number>();

  steps(scripts: readonly StepScript[], life: Life): Step[] {
    return scripts.map(({ behaviors, undos, attempts, canResolve }, position) => ({
      name: `step-${position}`,
      retry: { attempts, backoffMs: 1, maxBackoffMs: 5000 },
      timeoutMs: 2,
      run: (_, ctx) => this.#enter(life, ctx, () => this.#run(behaviors, life, ctx)),
      compensate: (_, ctx) => this.#enter(life, ctx, () => this.#undo(undos, life, ctx, position)),
      ...(canResolve && {
        resolve: async (_: never, { key }: StepContext) =>
          this.effects.has(key) ? { done: key } : ({ notDone: true } as const),
      }),
    }));
  }

  async #enter<T>(life: Life, { sagaId }: StepContext, work: () => Promise<T>): Promise<T> {
    const other = this.#inside.get(sagaId);
    // A stalled engine cannot know that its leases have expired; only its writes are refused, by their fence.
    if (other?.alive && other !== life && !other.stalled && !life.stalled) this.atOnce.push(sagaId);
    this.#inside.set(sagaId, life);
    try {
      return await work();
    } finally {
      if (this.#inside.get(sagaId) === life) this.#inside.delete(sagaId);
    }
  }

  async #run(behaviors: readonly Behavior[], life: Life, { key }: StepContext): Promise<string> {
    const behavior = behaviors[this.#count(key)] ?? 'ok';
    if (behavior === 'crash before') return life.die();
    if (behavior === 'hang') return never;
    if (behavior === 'fail before') throw new Error(behavior);
    if (this.#tombstones.has(key)) throw new BusinessError('STEP_CANCELLED', 'undone before');
    if (behavior === 'refuse' && !this.effects.has(key)) throw new BusinessError('REFUSED', 'no');
    if (!this.effects.has(key)) this.made.set(key, (this.made.get(key) ?? 0) + 1);
    this.effects.add(key);
    if (behavior === 'crash after') return life.die();
    if (behavior === 'hang after') return never;
    if (behavior === 'stall after') life.stall();
    if (behavior === 'fail after') throw new Error(behavior);
    return key;
  }

  async #undo(
    undos: readonly UndoDeed[],
    life: Life,
    { sagaId, key }: StepContext,
    position: number,
  ): Promise<void> {
    const behavior = undos[this.#count(key)] ?? 'ok';
    if (behavior === 'crash before') return life.die();
    if (behavior === 'fail before') throw new Error(behavior);
    const forward = key.slice(0, -'/undo'.length);
    this.#tombstones.add(forward);
    this.effects.delete(forward);
    const order = this.undone.get(sagaId) ?? [];
    if (!order.includes(position)) this.undone.set(sagaId, [...order, position]);
    if (behavior === 'crash after') return life.die();
    if (behavior === 'fail after') throw new Error(behavior);
  }

  #count(key: string): number {
    const count = this.#attempts.get(key) ?? 0;
    this.#attempts.set(key, count + 1);
    return count;
  }
}
