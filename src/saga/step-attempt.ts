// One attempt of one step: in a scope of its own, with a deadline of its own, ending in one of four outcomes.
import type { Logger } from 'pino';
import { Deadline } from '../deadline.js';
import { BusinessError, DeadlineExceededError, HttpError } from '../errors.js';
import { runInScope, type Scope, type TraceContext } from '../scope.js';
import { toError } from '../telemetry/to-error.js';
import type { Plan, StepPlan } from './definition.js';
import type { SagaRecord } from './journal.js';
import { copyOf, mostOfResult, toJson } from './json.js';
import type { SagaError, StepContext, StepTools } from './saga.js';
import { resultsOf } from './saga-view.js';
import type { Effect, StepOutcome } from './state-machine.js';

export interface AttemptSetting {
  readonly log: Logger;
  /** Put on every step's context beside its identity, and whole as `ctx.tools`. */
  readonly tools: StepTools;
  /** The service the saga belongs to, for the scope. */
  readonly service: string | undefined;
}

/** The scope of a step: not of the request that started the saga, which may be long gone. */
export class StepScope implements Scope {
  readonly requestId: string;
  readonly deadline: Deadline;
  readonly trace: TraceContext;
  readonly service: string | undefined;
  /** Called once, with the reason, before anybody else hears of the abort. */
  onAbort: ((reason: unknown) => void) | undefined;
  #controller: AbortController | undefined;
  #aborted: { readonly reason: unknown } | undefined;

  constructor(sagaId: string, timeoutMs: number, trace: TraceContext, service: string | undefined) {
    this.requestId = sagaId;
    this.deadline = Deadline.after(timeoutMs);
    this.trace = trace;
    this.service = service;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#aborted) this.#controller.abort(this.#aborted.reason);
    }
    return this.#controller.signal;
  }

  abort(reason: unknown): void {
    if (this.#aborted) return;
    this.#aborted = { reason };
    this.onAbort?.(reason);
    this.#controller?.abort(reason);
  }
}

/**
 * Never rejects. After an abort of `scope` it resolves at once (`unknown`), though the step may go on for as
 * long as it does not heed its signal; what it then gives is dropped.
 */
export function attempt(
  effect: Effect,
  record: SagaRecord,
  plan: Plan,
  scope: StepScope,
  setting: AttemptSetting,
): Promise<StepOutcome> {
  const step = plan.steps[effect.position]!;
  const ctx = contextOf(effect, record, step, scope, setting);
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      scope.abort(new DeadlineExceededError(`The step did not end within ${step.timeoutMs} ms.`));
    }, step.timeoutMs);
    let open = true;
    const end = (outcome: StepOutcome, error?: unknown): void => {
      if (!open) return;
      open = false;
      clearTimeout(timer);
      scope.onAbort = undefined;
      if (outcome.kind === 'unknown') {
        const fields = { saga: record.saga, sagaId: record.sagaId, step: step.name, attempt: effect.attempt };
        setting.log.warn({ err: toError(error), ...fields }, `saga step: outcome of ${effect.kind} unknown`);
      }
      resolve(outcome);
    };
    const fail = (error: unknown): void => {
      const { isRefusal, shown } = readThrown(error);
      // A query that is refused says nothing of what it asked for.
      const kind = isRefusal && effect.kind === 'run' ? 'refused' : 'unknown';
      end({ kind, error: shown }, error);
    };
    scope.onAbort = fail;
    runInScope(scope, () => perform(effect, step, record, ctx)).then(end, fail);
  });
}

async function perform(
  effect: Effect,
  step: StepPlan,
  record: SagaRecord,
  ctx: StepContext,
): Promise<StepOutcome> {
  const input = copyOf(record.input);
  const most = mostOfResult(record.steps.length);
  switch (effect.kind) {
    case 'run':
      return { kind: 'ok', result: toJson(await step.run(input, ctx), most) };
    case 'resolve': {
      const answer: unknown = await step.resolve!(input, ctx);
      if (typeof answer === 'object' && answer !== null) {
        if ('done' in answer) return { kind: 'ok', result: toJson(answer.done, most) };
        if ('notDone' in answer && answer.notDone === true) return { kind: 'not-done' };
      }
      throw new TypeError(`resolve of step "${step.name}" must answer { done: … } or { notDone: true }`);
    }
    case 'undo':
      await step.compensate!(input, ctx);
      return { kind: 'ok', result: null };
  }
}

function contextOf(
  effect: Effect,
  record: SagaRecord,
  step: StepPlan,
  scope: StepScope,
  setting: AttemptSetting,
): StepContext {
  const { sagaId } = record;
  const undo = effect.kind === 'undo';
  let log: Logger | undefined;
  let results: StepContext['results'] | undefined;
  return {
    ...setting.tools,
    sagaId,
    key: undo ? `${sagaId}/${step.name}/undo` : `${sagaId}/${step.name}`,
    attempt: effect.attempt,
    get results() {
      results ??= resultsOf(record);
      return results;
    },
    result: undo ? copyOf(record.steps[effect.position]!.result) : undefined,
    get signal() {
      return scope.signal;
    },
    deadline: scope.deadline,
    get log() {
      log ??= setting.log.child({ saga: record.saga, sagaId, step: step.name });
      return log;
    },
    tools: setting.tools,
  } as StepContext;
}

const MOST_CHARACTERS = 4_000;

/** Text that PostgreSQL can keep: whole characters, without U+0000, not without end. */
const kept = (text: unknown): string =>
  String(text).slice(0, MOST_CHARACTERS).toWellFormed().replaceAll('\0', '\ufffd');

/**
 * What may be shown of whatever a step has thrown: only an HttpError's message is written for others. The log
 * has the rest. Never throws: what cannot be read is an unforeseen error.
 */
function readThrown(thrown: unknown): { readonly isRefusal: boolean; readonly shown: SagaError } {
  try {
    if (thrown instanceof HttpError) {
      const shown = { code: kept(thrown.code), message: kept(thrown.message) };
      return { isRefusal: thrown instanceof BusinessError, shown };
    }
  } catch {}
  return { isRefusal: false, shown: { code: 'INTERNAL', message: 'The step failed unexpectedly.' } };
}
