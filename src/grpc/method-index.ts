// The methods of one service of Multilane by the names under which callers may write them:
// `GetUserOrders`, `OrderService/GetUserOrders`, `multilane.orders.v1.OrderService/GetUserOrders`.
import { suggestedName } from '../name-suggestion.js';
import { describeValue } from '../options.js';
import type { RpcMethod } from './rpc-method.js';

export class MethodIndex {
  readonly #service: string;
  readonly #byName = new Map<string, RpcMethod[]>();

  /** @param service the name of the service of Multilane, for messages */
  constructor(service: string, methods: Iterable<RpcMethod>) {
    this.#service = service;
    for (const method of methods) {
      const short = method.service.slice(method.service.lastIndexOf('.') + 1);
      const names = [method.name, `${short}/${method.name}`, `${method.service}/${method.name}`];
      for (const name of new Set(names)) {
        const known = this.#byName.get(name);
        if (known === undefined) this.#byName.set(name, [method]);
        else known.push(method);
      }
    }
  }

  /** @throws TypeError for a name that no method has, or more than one */
  find(name: string): RpcMethod {
    const found = this.#byName.get(name);
    if (found?.length === 1) return found[0]!;
    const asked = `call('${this.#service}').grpc: `;
    if (found === undefined) throw new TypeError(`${asked}${this.#unknown(name)}`);
    const full = found.map(({ path }) => path.slice(1)).join(' or ');
    throw new TypeError(`${asked}several methods are named ${describeValue(name)}; write ${full}`);
  }

  #unknown(name: unknown): string {
    const known = [...this.#byName.keys()];
    const near = typeof name === 'string' ? suggestedName(name, known) : undefined;
    const hint = near === undefined ? '' : `, did you mean ${describeValue(near)}?`;
    const methods = known.filter((one) => !one.includes('/')).join(', ');
    return `no method is named ${describeValue(name)}${hint}; known are ${methods}`;
  }
}
