// How a service declares a saga, and how its steps get their tools.
import { ConfigError } from '../errors.js';
import type { Json, RetryRule, SagaDefinition, SagaStep, StepContext } from '../saga/saga.js';
import { NAME, type SagaContext, type SagaTools } from './service.js';

/**
 * Checks a saga and returns it. `Input` is what `sagas.start` is given, as JSON.
 * @throws ConfigError for a definition that could not work, naming the saga and the step
 */
export function defineSaga<Input = Json>(
  definition: SagaDefinition<Input, SagaContext>,
): SagaDefinition<Input, SagaContext> {
  checkSaga(definition);
  return Object.freeze({ ...definition, steps: Object.freeze([...definition.steps]) });
}

/** @throws ConfigError */
export function checkSaga(saga: SagaDefinition<never, SagaContext>): void {
  const name: unknown = saga?.name;
  if (typeof name !== 'string' || !NAME.test(name)) {
    throw new ConfigError(`saga name ${JSON.stringify(name)} must match ${NAME.source}`);
  }
  const fault = (what: string): ConfigError => new ConfigError(`saga "${name}": ${what}`);
  if (!Number.isSafeInteger(saga.version) || saga.version < 1) {
    throw fault('version must be an integer >= 1; raise it when the steps change');
  }
  if (!Array.isArray(saga.steps) || saga.steps.length === 0) throw fault('steps must be a non-empty array');
  const seen = new Set<string>();
  for (const step of saga.steps) {
    checkStep(step, (what) => fault(`step ${JSON.stringify(step?.name)}: ${what}`));
    if (seen.has(step.name)) throw fault(`step "${step.name}" is declared twice`);
    seen.add(step.name);
  }
}

function checkStep(step: SagaStep<never, SagaContext>, fault: (what: string) => ConfigError): void {
  if (typeof step?.name !== 'string' || !NAME.test(step.name)) {
    throw fault(`the name must match ${NAME.source}`);
  }
  if (typeof step.run !== 'function') throw fault('run must be a function (input, ctx)');
  if (step.resolve !== undefined && typeof step.resolve !== 'function') {
    throw fault('resolve must be a function');
  }
  if (step.compensate !== undefined && typeof step.compensate !== 'function') {
    throw fault('compensate must be a function');
  }
  if (step.timeoutMs !== undefined && !isPositive(step.timeoutMs)) throw fault('timeoutMs must be > 0');
  const retry: Partial<RetryRule> = step.retry ?? {};
  if (retry.attempts !== undefined && !(Number.isSafeInteger(retry.attempts) && retry.attempts >= 1)) {
    throw fault('retry.attempts counts the first attempt too: an integer >= 1');
  }
  if (retry.backoffMs !== undefined && !isPositive(retry.backoffMs))
    throw fault('retry.backoffMs must be > 0');
  if (retry.maxBackoffMs !== undefined && !isPositive(retry.maxBackoffMs)) {
    throw fault('retry.maxBackoffMs must be > 0');
  }
}

const isPositive = (value: unknown): boolean =>
  typeof value === 'number' && value > 0 && Number.isFinite(value);

/**
 * The definition as the engine runs it: each step sees its tools (`ctx.call`, `ctx.db`, `ctx.cpu`) beside its
 * identity. The engine itself knows nothing of them.
 */
export function bindSaga<Input>(
  saga: SagaDefinition<Input, SagaContext>,
  tools: SagaTools,
): SagaDefinition<Input, StepContext> {
  const contextOf = (ctx: StepContext): SagaContext => ({
    sagaId: ctx.sagaId,
    key: ctx.key,
    attempt: ctx.attempt,
    results: ctx.results,
    result: ctx.result,
    signal: ctx.signal,
    deadline: ctx.deadline,
    log: ctx.log,
    ...tools,
  });
  const bindStep = (step: SagaStep<Input, SagaContext>): SagaStep<Input, StepContext> => {
    const bound: Mutable<SagaStep<Input, StepContext>> = {
      ...limits(step),
      run: (input, ctx) => step.run(input, contextOf(ctx)),
    };
    if (step.resolve) bound.resolve = async (input, ctx) => step.resolve!(input, contextOf(ctx));
    if (step.compensate) bound.compensate = (input, ctx) => step.compensate!(input, contextOf(ctx));
    return bound;
  };
  return { ...saga, steps: saga.steps.map(bindStep) };
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

function limits(step: SagaStep<never, SagaContext>): Pick<SagaStep, 'name' | 'retry' | 'timeoutMs'> {
  const { name, retry, timeoutMs } = step;
  return { name, ...(retry && { retry }), ...(timeoutMs !== undefined && { timeoutMs }) };
}
