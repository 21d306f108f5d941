// `defineSaga`: checked by the engine's own rules when the module is loaded, not when the first saga starts.
import { planOf } from '../saga/definition.js';
import type { Json, SagaDefinition } from '../saga/saga.js';
import type { SagaContext } from './service-definition.js';

/**
 * Checks a saga and returns it, frozen. `Input` is what `sagas.start` is given, as JSON.
 * @throws ConfigError for a definition that could not work, naming the saga and the step
 */
export function defineSaga<Input = Json>(
  definition: SagaDefinition<Input, SagaContext>,
): SagaDefinition<Input, SagaContext> {
  planOf(definition);
  return Object.freeze({ ...definition, steps: Object.freeze([...definition.steps]) });
}
