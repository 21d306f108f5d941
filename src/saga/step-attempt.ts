// One attempt of one step. It runs in a scope and under a deadline of its own, and ends in one of four
// outcomes.
import type { Logger } from 'pino';
import { BusinessError, DeadlineExceededError, HttpError } from '../errors.js';
import { runInScope } from '../scope.js';
import { toError } from '../telemetry/to-error.js';
import type { SagaPlan, StepPlan } from './definition.js';
import type { SagaRecord } from './journal.js';
import { copyOf, maxResultLength, toJson } from './json.js';
import type { SagaError, StepContext, StepTools } from './saga.js';
import { resultsOf } from './saga-view.js';
import type { Effect, StepOutcome } from './state-machine.js';
import type { StepScope } from './step-scope.js';

export interface StepAttemptDeps {
  readonly log: Logger;
  /** Spread over every step's context beside its identity, and whole as `ctx.tools`. */
  readonly tools: StepTools;
  /** The service that the saga belongs to, for the scope. */
  readonly service: string | undefined;
}

/**
 * Never rejects. After an abort of `scope` it resolves at once as `unknown`. A step that ignores its signal
 * may continue after that; its result is dropped.
 */
export function attemptStep(
  effect: Effect,
  record: SagaRecord,
  plan: SagaPlan,
  scope: StepScope,
  deps: StepAttemptDeps,
): Promise<StepOutcome> {
  const step = plan.steps[effect.position]!;
  const ctx = contextOf(effect, record, step, scope, deps);
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
        deps.log.warn({ err: toError(error), ...fields }, `saga step: outcome of ${effect.kind} unknown`);
      }
      resolve(outcome);
    };
    const fail = (error: unknown): void => {
      const { isRefusal, shown } = readThrown(error);
      // A `resolve` that throws a BusinessError reports nothing about the attempt that it looked for.
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
  const maxLength = maxResultLength(record.steps.length);
  switch (effect.kind) {
    case 'run':
      return { kind: 'ok', result: toJson(await step.run(input, ctx), maxLength) };
    case 'resolve': {
      const found: unknown = await step.resolve!(input, ctx);
      if (typeof found === 'object' && found !== null) {
        if ('done' in found) return { kind: 'ok', result: toJson(found.done, maxLength) };
        if ('notDone' in found && found.notDone === true) return { kind: 'not-done' };
      }
      throw new TypeError(`resolve of step "${step.name}" must return { done: … } or { notDone: true }`);
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
  deps: StepAttemptDeps,
): StepContext {
  const { sagaId } = record;
  const undo = effect.kind === 'undo';
  let log: Logger | undefined;
  let results: StepContext['results'] | undefined;
  return {
    ...deps.tools,
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
      log ??= deps.log.child({ saga: record.saga, sagaId, step: step.name });
      return log;
    },
    tools: deps.tools,
  } as StepContext;
}

const MAX_CHARACTERS = 4_000;

/** A text that PostgreSQL can store: whole characters, without U+0000, at most MAX_CHARACTERS of them. */
const storableText = (text: unknown): string =>
  String(text).slice(0, MAX_CHARACTERS).toWellFormed().replaceAll('\0', '\ufffd');

/**
 * The part of a step's error that may be shown: only the message of an HttpError is written for clients. The
 * log has the rest. Never throws: an error that cannot be read is reported as an unforeseen one.
 */
function readThrown(thrown: unknown): { readonly isRefusal: boolean; readonly shown: SagaError } {
  try {
    if (thrown instanceof HttpError) {
      const shown = { code: storableText(thrown.code), message: storableText(thrown.message) };
      return { isRefusal: thrown instanceof BusinessError, shown };
    }
  } catch {}
  return { isRefusal: false, shown: { code: 'INTERNAL', message: 'The step failed unexpectedly.' } };
}
