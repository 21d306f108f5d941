// Saga definitions as the engine runs them: checked once at registration, with every default filled in.
import { ConfigError } from '../errors.js';
import { refuseUnknownMembers } from '../options.js';
import { MAX_TIMER_MS } from '../resilience/cancellation.js';
import type { DefinitionKey, SagaRecord } from './journal.js';
import type { Json, RetryRule, SagaDefinition, SagaStep, StepContext } from './saga.js';

export interface StepPlan {
  readonly name: string;
  readonly run: SagaStep['run'];
  readonly resolve: NonNullable<SagaStep['resolve']> | undefined;
  readonly compensate: NonNullable<SagaStep['compensate']> | undefined;
  readonly retry: RetryRule;
  readonly timeoutMs: number;
}

export interface SagaPlan {
  readonly name: string;
  readonly version: number;
  readonly steps: readonly StepPlan[];
}

/**
 * A definition with any input and context type. Its steps get the journaled input and the engine's context.
 */
export type AnyDefinition = SagaDefinition<never, never>;

const NAME = /^[A-Za-z][A-Za-z0-9._-]{0,62}$/;
const DEFAULT_RETRY: RetryRule = { attempts: 5, backoffMs: 100, maxBackoffMs: 5000 };
const DEFAULT_TIMEOUT_MS = 10_000;

/**
 * The registered sagas by name, one version of each. A saga of another version is not run (see `planFor`).
 * @throws ConfigError naming the saga and the step
 */
export class SagaPlans {
  readonly #byName = new Map<string, SagaPlan>();

  constructor(definitions: readonly AnyDefinition[]) {
    for (const definition of definitions) {
      const plan = planOf(definition);
      if (this.#byName.has(plan.name)) throw new ConfigError(`saga "${plan.name}" is defined twice`);
      this.#byName.set(plan.name, plan);
    }
  }

  /** Identifies the sagas that this worker can run. */
  keys(): DefinitionKey[] {
    return Array.from(this.#byName.values(), ({ name, version, steps }) => ({
      saga: name,
      version,
      steps: steps.map((step) => step.name),
    }));
  }

  byName(saga: string): SagaPlan | undefined {
    return this.#byName.get(saga);
  }

  /** The plan that the saga was started with; undefined when it is gone or has changed since. */
  planFor(record: SagaRecord): SagaPlan | undefined {
    const plan = this.#byName.get(record.saga);
    if (plan === undefined || plan.version !== record.version) return undefined;
    const same =
      plan.steps.length === record.steps.length &&
      plan.steps.every((step, position) => step.name === record.steps[position]?.name);
    return same ? plan : undefined;
  }
}

const SAGA_MEMBERS = ['name', 'version', 'steps'] as const;
const STEP_MEMBERS = ['name', 'run', 'resolve', 'compensate', 'retry', 'timeoutMs'] as const;
const RETRY_MEMBERS = ['attempts', 'backoffMs', 'maxBackoffMs'] as const;

/** @throws ConfigError for a definition that cannot work or that has unknown members */
export function planOf(definition: AnyDefinition): SagaPlan {
  const { name, version, steps } = definition ?? {};
  if (typeof name !== 'string' || !NAME.test(name)) {
    throw new ConfigError(`saga name ${JSON.stringify(name)} must match ${NAME.source}`);
  }
  const fault = (what: string): ConfigError => new ConfigError(`saga "${name}": ${what}`);
  refuseUnknownMembers(definition, SAGA_MEMBERS, fault);
  if (!Number.isInteger(version) || version < 1 || version > 2 ** 31 - 1) {
    throw fault('version must be a positive integer');
  }
  if (!Array.isArray(steps) || steps.length === 0) throw fault('steps must be a list of at least one step');
  if (steps.length > 1000) throw fault('more than 1000 steps');
  const plans = steps.map((step) => stepPlanOf(step as SagaStep, fault));
  const seen = new Set<string>();
  for (const step of plans) {
    if (seen.has(step.name)) throw fault(`two steps are named "${step.name}"`);
    seen.add(step.name);
  }
  return { name, version, steps: plans };
}

function stepPlanOf(step: SagaStep, faultOfSaga: (what: string) => ConfigError): StepPlan {
  if (typeof step?.name !== 'string' || !NAME.test(step.name)) {
    throw faultOfSaga(`step name ${JSON.stringify(step?.name)} must match ${NAME.source}`);
  }
  const fault = (what: string): ConfigError => faultOfSaga(`step "${step.name}": ${what}`);
  refuseUnknownMembers(step, STEP_MEMBERS, fault);
  if (typeof step.run !== 'function') throw fault('run must be a function');
  for (const member of ['resolve', 'compensate'] as const) {
    if (step[member] !== undefined && typeof step[member] !== 'function') {
      throw fault(`${member} must be a function when given`);
    }
  }
  const retry = retryRuleOf(step, fault);
  const timeoutMs = step.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  for (const [option, ms, least] of [
    ['retry.backoffMs', retry.backoffMs, 0],
    ['retry.maxBackoffMs', retry.maxBackoffMs, 0],
    ['timeoutMs', timeoutMs, 1],
  ] as const) {
    if (!(ms >= least && ms <= MAX_TIMER_MS)) throw fault(`${option} must be ${least}..${MAX_TIMER_MS} ms`);
  }
  // The functions are called as members of the step: a definition may be an object with its own `this`.
  return {
    name: step.name,
    run: (input: Json, ctx: StepContext) => step.run(input, ctx),
    resolve: step.resolve && ((input, ctx) => step.resolve!(input, ctx)),
    compensate: step.compensate && ((input, ctx) => step.compensate!(input, ctx)),
    retry,
    timeoutMs,
  };
}

function retryRuleOf({ retry: given = {} }: SagaStep, fault: (what: string) => ConfigError): RetryRule {
  if (typeof given !== 'object' || given === null) {
    throw fault('retry must be an object such as { attempts: 3 }');
  }
  refuseUnknownMembers(given, RETRY_MEMBERS, (what) => fault(`retry: ${what}`));
  const retry = { ...DEFAULT_RETRY, ...given };
  if (!Number.isInteger(retry.attempts) || retry.attempts < 1) {
    throw fault('retry.attempts must be a positive integer');
  }
  return retry;
}
