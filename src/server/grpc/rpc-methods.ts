// Checks the handlers that a service declares against the methods of its .proto files: every method needs a
// handler, and every handler a method. A method that nothing serves would be noticed only by its callers.
import type { RpcMethod } from '../../grpc/rpc-method.js';
import {
  ANYTHING,
  checkOptions,
  describeValue,
  type ErrorFactory,
  FUNCTION,
  oneOf,
  POSITIVE,
  SWITCH,
  shapeOf,
} from '../../options.js';
import { PRIORITIES } from '../../resilience/admission.js';
import type { RpcHandlers, RpcMethodWithOptions } from './rpc-handler.js';

const METHOD = shapeOf<RpcMethodWithOptions>(
  '{ timeoutMs: 500, handler(request, ctx) { … } }',
  {
    timeoutMs: POSITIVE,
    rateLimit: ANYTHING,
    priority: oneOf(...PRIORITIES),
    maxConcurrent: ANYTHING,
    internal: SWITCH,
    handler: FUNCTION,
  },
  ['handler'],
);

export interface BoundMethod {
  readonly method: RpcMethod;
  readonly target: RpcMethodWithOptions;
}

/** @throws the error that `fault` makes */
export function boundMethods(
  methods: Iterable<RpcMethod>,
  handlers: RpcHandlers,
  fault: ErrorFactory,
): readonly BoundMethod[] {
  const all = [...methods];
  refuseUnknown(all, handlers, fault);
  return all.map((method) => {
    const given = handlersOf(method.service, handlers)?.[method.name];
    if (given === undefined) throw fault(`the method ${method.path.slice(1)} has no handler`);
    return { method, target: targetOf(method, given, fault) };
  });
}

const shortName = (service: string): string => service.slice(service.lastIndexOf('.') + 1);

const handlersOf = (service: string, handlers: RpcHandlers): RpcHandlers[string] | undefined =>
  handlers[service] ?? handlers[shortName(service)];

function refuseUnknown(methods: readonly RpcMethod[], handlers: RpcHandlers, fault: ErrorFactory): void {
  for (const [name, ofService] of Object.entries(handlers)) {
    const own = methods.filter(({ service }) => service === name || shortName(service) === name);
    if (own.length === 0) {
      const known = [...new Set(methods.map(({ service }) => service))].join(', ');
      throw fault(`no service "${name}" is in its .proto files; there are ${known}`);
    }
    if (new Set(own.map(({ service }) => service)).size > 1)
      throw fault(`several services are called "${name}": write the full name`);
    if (typeof ofService !== 'object' || (ofService as unknown) === null)
      throw fault(
        `the handlers of "${name}" must be an object of handlers by method, not ${describeValue(ofService)}`,
      );
    for (const method of Object.keys(ofService)) {
      if (own.some((one) => one.name === method)) continue;
      const known = own.map((one) => one.name).join(', ');
      throw fault(`the service "${name}" has no method "${method}"; there are ${known}`);
    }
  }
}

function targetOf(
  { path }: RpcMethod,
  given: RpcHandlers[string][string],
  fault: ErrorFactory,
): RpcMethodWithOptions {
  if (typeof given === 'function') return { handler: given };
  const faultOf: ErrorFactory = (reason) => fault(`${path.slice(1)}: ${reason}`);
  if (typeof given !== 'object' || given === null)
    throw faultOf(
      `a handler must be a function, or an object with options and \`handler\`, not ${describeValue(given)}`,
    );
  checkOptions(given, METHOD, faultOf);
  return given;
}
