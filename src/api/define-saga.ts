// `defineSaga`: the engine's rules check a definition when its module is loaded, not when the first saga
// starts.
import { planOf } from '../saga/definition.js';
import type { Json, SagaDefinition } from '../saga/saga.js';
import type { SagaContext } from './service-definition.js';

/**
 * Checks a saga and returns it, frozen. `Input` is the type of the input of `sagas.start`, which is JSON.
 * @throws ConfigError for a definition that cannot work, naming the saga and the step
 * @example
 *   const trip = defineSaga<{ city: string }>({
 *     name: 'trip',
 *     version: 1, // increase it when the steps change: a saga continues only with the version it began with
 *     steps: [
 *       {
 *         name: 'book-hotel',
 *         // May run again after a crash: the key makes the effect idempotent.
 *         run: async ({ city }, { call, key }) =>
 *           (await call('hotels').post('/bookings', { json: { city }, idempotencyKey: key })).json(),
 *         compensate: async (_, { call, key }) => {
 *           await call('hotels').post('/bookings/undo', { json: { key: key.replace('/undo', '') } });
 *         },
 *       },
 *     ],
 *   });
 */
export function defineSaga<Input = Json>(
  definition: SagaDefinition<Input, SagaContext>,
): SagaDefinition<Input, SagaContext> {
  planOf(definition);
  return Object.freeze({ ...definition, steps: Object.freeze([...definition.steps]) });
}
