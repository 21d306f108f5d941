// Saga definitions as the engine runs them: checked once at registration, with every default filled in.
import { ConfigError } from '../errors.js';
import {
  checkOptions,
  checkValue,
  configError,
  FUNCTION,
  milliseconds,
  type OptionKind,
  refuseUnknownMembers,
  requireObject,
  shapeOf,
  wholeNumber,
} from '../options.js';
import { MAX_TIMER_MS } from '../resilience/cancellation.js';
import type { DefinitionKey, SagaRecord } from './journal.js';
import type { AnySaga, Json, RetryRule, SagaStep, StepContext } from './saga.js';

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
export type AnyDefinition = AnySaga;

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
const SAGA_EXAMPLE = "{ name: 'transfer', version: 1, steps: [ … ] }";
const STEP_MEMBERS = ['name', 'run', 'resolve', 'compensate', 'retry', 'timeoutMs'] as const;
const STEP_EXAMPLE = "{ name: 'debit', run(input, ctx) { … } }";
const MAX_STEPS = 1000;
const NAME = /^[A-Za-z][A-Za-z0-9._-]{0,62}$/;
const IDENTIFIER: OptionKind = {
  text: `a string that matches ${NAME.source}`,
  is: (value) => typeof value === 'string' && NAME.test(value),
};
const VERSION = wholeNumber(1, 2 ** 31 - 1);
const STEPS: OptionKind = {
  text: `a list of 1 to ${MAX_STEPS} steps`,
  is: (value) => Array.isArray(value) && value.length > 0 && value.length <= MAX_STEPS,
};
const TIMEOUT: OptionKind = {
  text: `a number of milliseconds from 1 to ${MAX_TIMER_MS}`,
  is: (value) => typeof value === 'number' && value >= 1 && value <= MAX_TIMER_MS,
};
const RETRY = shapeOf<RetryRule>('{ attempts: 3 }', {
  attempts: wholeNumber(1),
  backoffMs: milliseconds(MAX_TIMER_MS),
  maxBackoffMs: milliseconds(MAX_TIMER_MS),
});

/** @throws ConfigError for a definition that cannot work or that has unknown members */
export function planOf(definition: AnyDefinition): SagaPlan {
  requireObject('a saga', definition, SAGA_EXAMPLE, configError);
  const { name, version, steps } = definition;
  checkValue('saga name', name, IDENTIFIER, configError);
  const fault = (what: string): ConfigError => new ConfigError(`saga "${name}": ${what}`);
  refuseUnknownMembers(definition, SAGA_MEMBERS, fault);
  checkValue('version', version, VERSION, fault);
  checkValue('steps', steps, STEPS, fault);
  const plans = steps.map((step) => stepPlanOf(step as SagaStep, fault));
  const seen = new Set<string>();
  for (const step of plans) {
    if (seen.has(step.name)) throw fault(`two steps are named "${step.name}"`);
    seen.add(step.name);
  }
  return { name, version, steps: plans };
}

function stepPlanOf(step: SagaStep, faultOfSaga: (what: string) => ConfigError): StepPlan {
  requireObject('a step', step, STEP_EXAMPLE, faultOfSaga);
  const { name, retry = {}, timeoutMs = DEFAULT_TIMEOUT_MS } = step;
  checkValue('step name', name, IDENTIFIER, faultOfSaga);
  const fault = (what: string): ConfigError => faultOfSaga(`step "${name}": ${what}`);
  refuseUnknownMembers(step, STEP_MEMBERS, fault);
  for (const member of ['run', 'resolve', 'compensate'] as const) {
    const given: unknown = step[member];
    if (member === 'run' || given !== undefined) checkValue(member, given, FUNCTION, fault);
  }
  checkValue('timeoutMs', timeoutMs, TIMEOUT, fault);
  // The functions are called as members of the step: a definition may be an object with its own `this`.
  return {
    name,
    run: (input: Json, ctx: StepContext) => step.run(input, ctx),
    resolve: step.resolve && ((input, ctx) => step.resolve!(input, ctx)),
    compensate: step.compensate && ((input, ctx) => step.compensate!(input, ctx)),
    retry: retryRuleOf(retry, fault),
    timeoutMs,
  };
}

function retryRuleOf(given: Partial<RetryRule>, faultOfStep: (what: string) => ConfigError): RetryRule {
  const fault = (what: string): ConfigError => faultOfStep(`retry: ${what}`);
  checkOptions(given, RETRY, fault);
  const { attempts, backoffMs, maxBackoffMs } = given;
  return {
    attempts: attempts ?? DEFAULT_RETRY.attempts,
    backoffMs: backoffMs ?? DEFAULT_RETRY.backoffMs,
    maxBackoffMs: maxBackoffMs ?? DEFAULT_RETRY.maxBackoffMs,
  };
}
