// What services call: start a saga, wait for it, look at it.
import { fingerprintOf } from '../db/idempotent-effect.js';
import { HttpError, NotFoundError, UnavailableError, ValidationError } from '../errors.js';
import { checkOptions, milliseconds, shapeOf, TEXT, typeErrorFor } from '../options.js';
import { currentScope } from '../scope.js';
import { formatTraceparent } from '../telemetry/propagation.js';
import type { Plan, Plans } from './definition.js';
import { hasEnded, type Journal, type SagaRecord } from './journal.js';
import { pendingStep } from './journal-row.js';
import { givenJson } from './json.js';
import type { Orchestrator } from './orchestrator.js';
import type { Json, Sagas, SagaView, StartedSaga } from './saga.js';
import { isSagaId, newSagaId } from './saga-id.js';
import { viewOf } from './saga-view.js';
import { advance } from './state-machine.js';
import { MAX_TIMER_MS, within } from './within.js';

/** How long a key stands for the saga it started (CONTRACT section 4). */
export const KEY_KEPT_MS = 24 * 60 * 60 * 1000;
const MAX_KEY_LENGTH = 255;
/** How often a saga that runs elsewhere is looked at: soon at first, since most end soon. */
const POLL_MS = { first: 25, most: 1000 };

/** One that is misspelt would start the saga once more with every repetition of a request. */
const START = shapeOf<NonNullable<Parameters<Sagas['start']>[2]>>('{ idempotencyKey }', {
  idempotencyKey: TEXT,
});
const startFault = typeErrorFor('sagas.start');
const WAIT = shapeOf<Parameters<Sagas['wait']>[1]>(
  '{ timeoutMs: 5000 }',
  { timeoutMs: milliseconds(MAX_TIMER_MS) },
  ['timeoutMs'],
);
const waitFault = typeErrorFor('sagas.wait');

export interface SagasSetting {
  readonly journal: Journal;
  readonly plans: Plans;
  readonly orchestrator: Orchestrator;
  readonly now: () => number;
  /** As of RunnerSetting. */
  readonly clock: () => number;
}

export class WorkerSagas implements Sagas {
  readonly #setting: SagasSetting;
  #closed = false;

  constructor(setting: SagasSetting) {
    this.#setting = setting;
  }

  /** From now on nothing is started here. */
  close(): void {
    this.#closed = true;
  }

  /** @throws UnavailableError DRAINING; TypeError for a saga that is not registered, and for bad options */
  async start(
    saga: string,
    input: Json,
    options: { readonly idempotencyKey?: string } = {},
  ): Promise<StartedSaga> {
    checkOptions(options, START, startFault);
    const { plans, now, clock, journal, orchestrator } = this.#setting;
    if (this.#closed) throw new UnavailableError('DRAINING', 'The worker stops.');
    const plan = plans.byName(saga);
    if (plan === undefined) throw new TypeError(`no saga is registered as ${JSON.stringify(saga)}`);
    const { record, action } = advance(fresh(plan, input, options.idempotencyKey, now()), plan, now());
    const asked = clock();
    const created = await journal.create(record, now() - KEY_KEPT_MS);
    if (created.created) {
      orchestrator.launch({ hold: created.hold, record }, 'started', asked, action);
      return { sagaId: record.sagaId, status: record.status, created: true };
    }
    const { sagaId, status, fingerprint } = created.earlier;
    if (fingerprint !== record.fingerprint) {
      throw new HttpError('IDEMPOTENCY_KEY_REUSED', 'The key was used before with another input.');
    }
    return { sagaId, status, created: false };
  }

  async wait(sagaId: string, options: { readonly timeoutMs: number }): Promise<SagaView> {
    checkOptions(options, WAIT, waitFault);
    const until = performance.now() + options.timeoutMs;
    return this.#setting.orchestrator.waitedFor(sagaId, () => this.#wait(sagaId, until));
  }

  async #wait(sagaId: string, until: number): Promise<SagaView> {
    const { orchestrator } = this.#setting;
    let pauseMs = POLL_MS.first;
    let known: SagaRecord | undefined;
    for (;;) {
      const here = orchestrator.running(sagaId);
      if (here !== undefined) {
        const end = await within(here.done, Math.max(0, until - performance.now()));
        known = here.runner.record;
        // Let go or lost: it goes on somewhere else, which only the journal can tell.
        if (end === undefined || end === 'ended') return viewOf(known);
      }
      known = await this.#look(sagaId, until, known);
      const leftMs = until - performance.now();
      // At the end of a drain there is no time to see it end elsewhere.
      if (hasEnded(known.status) || leftMs <= 0 || orchestrator.over) return viewOf(known);
      await new Promise((resolve) => setTimeout(resolve, Math.min(pauseMs, leftMs)));
      pauseMs = Math.min(pauseMs * 2, POLL_MS.most);
    }
  }

  /** A saga that ran here is known to be there: a journal that does not answer is no reason to fail. */
  async #look(sagaId: string, until: number, known: SagaRecord | undefined): Promise<SagaRecord> {
    const loaded = this.#load(sagaId);
    if (known === undefined) return loaded;
    return (
      (await within(
        loaded.catch(() => undefined),
        Math.max(0, until - performance.now()),
      )) ?? known
    );
  }

  async get(sagaId: string): Promise<SagaView> {
    return viewOf(await this.#load(sagaId));
  }

  async #load(sagaId: string): Promise<SagaRecord> {
    const record = isSagaId(sagaId) ? await this.#setting.journal.load(sagaId) : undefined;
    if (record === undefined) throw new NotFoundError('There is no such saga.');
    return record;
  }
}

/** @throws ValidationError for an input or a key that cannot be kept */
function fresh(plan: Plan, rawInput: unknown, key: string | undefined, now: number): SagaRecord {
  if (
    key !== undefined &&
    (key === '' || key.length > MAX_KEY_LENGTH || key.includes('\0') || !key.isWellFormed())
  ) {
    throw new ValidationError([{ path: '', message: `must be 1..${MAX_KEY_LENGTH} characters` }], 'Bad key.');
  }
  const input = givenJson(rawInput, '', 'The input of the saga is not JSON that can be kept.');
  const trace = currentScope()?.trace;
  return {
    sagaId: newSagaId(now),
    saga: plan.name,
    version: plan.version,
    status: 'running',
    input,
    idempotencyKey: key ?? null,
    fingerprint: fingerprintOf(input),
    failure: null,
    reason: null,
    traceparent: trace === undefined ? null : formatTraceparent(trace),
    tracestate: trace?.tracestate ?? null,
    createdAt: now,
    updatedAt: now,
    steps: plan.steps.map(({ name }) => pendingStep(name)),
  };
}
