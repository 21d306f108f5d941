// The `sagas` that services get: start a saga, wait for it, read its state.
import { fingerprintOf } from '../db/request-fingerprint.js';
import { HttpError, NotFoundError, UnavailableError, ValidationError } from '../errors.js';
import {
  checkOptions,
  checkValue,
  FILLED_TEXT,
  milliseconds,
  shapeOf,
  TEXT,
  typeErrorFor,
} from '../options.js';
import { MAX_TIMER_MS } from '../resilience/cancellation.js';
import { within } from '../resilience/within.js';
import { currentScope } from '../scope.js';
import { formatTraceparent } from '../telemetry/propagation.js';
import type { SagaPlan, SagaPlans } from './definition.js';
import { hasEnded, type Journal, type SagaRecord } from './journal.js';
import { pendingStep } from './journal-row.js';
import { requireJson } from './json.js';
import type { Orchestrator } from './orchestrator.js';
import type { Sagas, SagaView, StartedSaga } from './saga.js';
import { isSagaId, newSagaId } from './saga-id.js';
import { viewOf } from './saga-view.js';
import { advance } from './state-machine.js';

/** How long an idempotency key refers to the saga that it started. */
export const KEY_KEPT_MS = 24 * 60 * 60 * 1000;
const MAX_KEY_LENGTH = 255;
/** The pauses between polls of a saga that runs elsewhere: short at first, since most sagas end soon. */
const POLL_MS = { first: 25, most: 1000 };

/** A misspelt key would start the saga once more with every repetition of a request, so it is refused. */
const START_OPTIONS = shapeOf<NonNullable<Parameters<Sagas['start']>[2]>>('{ idempotencyKey }', {
  idempotencyKey: TEXT,
});
const faultOfStart = typeErrorFor('sagas.start');
const WAIT_OPTIONS = shapeOf<Parameters<Sagas['wait']>[1]>(
  '{ timeoutMs: 5000 }',
  { timeoutMs: milliseconds(MAX_TIMER_MS) },
  ['timeoutMs'],
);
const faultOfWait = typeErrorFor('sagas.wait');

export interface WorkerSagasDeps {
  readonly journal: Journal;
  readonly plans: SagaPlans;
  readonly orchestrator: Orchestrator;
  readonly now: () => number;
  /** Milliseconds on a monotonic clock, by which leases are judged. */
  readonly clock: () => number;
}

export class WorkerSagas implements Sagas {
  readonly #deps: WorkerSagasDeps;
  #closed = false;

  constructor(deps: WorkerSagasDeps) {
    this.#deps = deps;
  }

  /** Nothing is started here any more. */
  close(): void {
    this.#closed = true;
  }

  /** @throws UnavailableError DRAINING; TypeError for a saga that is not registered, and for bad options */
  async start(
    named: string | { readonly name: string },
    input: unknown,
    options: { readonly idempotencyKey?: string } = {},
  ): Promise<StartedSaga<never>> {
    const saga = typeof named === 'object' && named !== null ? named.name : named;
    checkValue('the name of the saga', saga, FILLED_TEXT, faultOfStart);
    checkOptions(options, START_OPTIONS, faultOfStart);
    const { plans, now, clock, journal, orchestrator } = this.#deps;
    if (this.#closed) throw new UnavailableError('DRAINING', 'The worker stops.');
    const plan = plans.byName(saga);
    if (plan === undefined) throw new TypeError(`no saga is registered as ${JSON.stringify(saga)}`);
    const { record, action } = advance(newRecord(plan, input, options.idempotencyKey, now()), plan, now());
    const requestedAt = clock();
    const created = await journal.create(record, now() - KEY_KEPT_MS);
    if (created.created) {
      orchestrator.launch({ hold: created.hold, record }, 'started', requestedAt, action);
      return { sagaId: record.sagaId, status: record.status, created: true };
    }
    const { sagaId, status, fingerprint } = created.earlier;
    if (fingerprint !== record.fingerprint) {
      throw new HttpError('IDEMPOTENCY_KEY_REUSED', 'The key was used before with another input.');
    }
    return { sagaId, status, created: false };
  }

  async wait(sagaId: string, options: { readonly timeoutMs: number }): Promise<SagaView<never>> {
    checkOptions(options, WAIT_OPTIONS, faultOfWait);
    const until = performance.now() + options.timeoutMs;
    const view = await this.#deps.orchestrator.whileWaiting(sagaId, () => this.#wait(sagaId, until));
    return view as SagaView<never>;
  }

  async #wait(sagaId: string, until: number): Promise<SagaView> {
    const { orchestrator } = this.#deps;
    let pauseMs = POLL_MS.first;
    let known: SagaRecord | undefined;
    for (;;) {
      const here = orchestrator.running(sagaId);
      if (here !== undefined) {
        const end = await within(here.done, Math.max(0, until - performance.now()));
        known = here.runner.record;
        // Released or lost: it continues elsewhere, and only the journal has its state.
        if (end === undefined || end === 'ended') return viewOf(known);
      }
      known = await this.#poll(sagaId, until, known);
      const leftMs = until - performance.now();
      // At the end of a drain there is no time to wait until it ends elsewhere.
      if (hasEnded(known.status) || leftMs <= 0 || orchestrator.isDrained) return viewOf(known);
      await new Promise((resolve) => setTimeout(resolve, Math.min(pauseMs, leftMs)));
      pauseMs = Math.min(pauseMs * 2, POLL_MS.most);
    }
  }

  /** A saga that ran here has a known state, so a journal that does not reply is no reason to fail. */
  async #poll(sagaId: string, until: number, known: SagaRecord | undefined): Promise<SagaRecord> {
    const loaded = this.#load(sagaId);
    if (known === undefined) return loaded;
    return (
      (await within(
        loaded.catch(() => undefined),
        Math.max(0, until - performance.now()),
      )) ?? known
    );
  }

  async get(sagaId: string): Promise<SagaView<never>> {
    return viewOf(await this.#load(sagaId)) as SagaView<never>;
  }

  async #load(sagaId: string): Promise<SagaRecord> {
    const record = isSagaId(sagaId) ? await this.#deps.journal.load(sagaId) : undefined;
    if (record === undefined) throw new NotFoundError('There is no such saga.');
    return record;
  }
}

/** @throws ValidationError for an input or a key that cannot be stored */
function newRecord(plan: SagaPlan, rawInput: unknown, key: string | undefined, now: number): SagaRecord {
  if (
    key !== undefined &&
    (key === '' || key.length > MAX_KEY_LENGTH || key.includes('\0') || !key.isWellFormed())
  ) {
    throw new ValidationError([{ path: '', message: `must be 1..${MAX_KEY_LENGTH} characters` }], 'Bad key.');
  }
  const input = requireJson(rawInput, '', 'The input of the saga is not JSON that can be stored.');
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
