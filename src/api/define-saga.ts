// `defineSaga`: the engine's rules check a definition when its module is loaded, not when the first saga
// starts.
import { planOf } from '../saga/definition.js';
import type { AnySaga, Json, SagaDefinition, StepResults } from '../saga/saga.js';
import type { SagaContext } from './service-definition.js';

/**
 * Checks a saga and returns it, frozen. `Input` is the type of the input of `sagas.start`, which is JSON.
 * `Results` are the results of the steps by their names: the steps are checked against them, and
 * `ctx.results` and `sagas.wait` have them.
 * @throws ConfigError for a definition that cannot work, naming the saga and the step
 * @example
 *   const trip = defineSaga<{ city: string }>({
 *     name: 'trip',
 *     version: 1, // increase it when the steps change: a saga continues only with the version it began with
 *     steps: [
 *       {
 *         name: 'book-hotel',
 *         // It may run again after a crash, and the key makes the effect idempotent. The saga retries,
 *         // so the call does not.
 *         async run({ city }, { call, key }) {
 *           const options = { json: { city }, idempotencyKey: key, retries: 0 };
 *           const response = await call('hotels').post('/bookings', options);
 *           // `call` resolves for every status. A BusinessError is final, anything else is tried again.
 *           if (response.status === 409) throw new BusinessError('NO_ROOM', 'The hotel has no room.');
 *           if (response.status !== 201) throw new Error(`hotels responded ${response.status}`);
 *           return response.json() as Json;
 *         },
 *         async compensate(_, { call, sagaId }) {
 *           const key = `${sagaId}/book-hotel`; // the key of `run`; `ctx.key` ends in /undo here
 *           const response = await call('hotels').post('/bookings/undo', { json: { key }, retries: 0 });
 *           if (response.status !== 204) throw new Error(`hotels responded ${response.status}`);
 *         },
 *       },
 *     ],
 *   });
 */
export function defineSaga<Input = Json, Results = StepResults>(
  definition: SagaDefinition<Input, SagaContext<Results>, Results>,
): SagaDefinition<Input, SagaContext<Results>, Results> {
  planOf(definition as AnySaga);
  return Object.freeze({ ...definition, steps: Object.freeze([...definition.steps]) });
}
