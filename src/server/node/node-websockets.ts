import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { App } from '../app.js';
import type { EnteredStores } from '../entered-stores.js';
import type { Acceptance } from '../exchange.js';
import type { TurnWatch } from '../turn-watch.js';
import type { OpenedSocket } from './node-exchange-host.js';

export interface NodeWebSocketHost {
  readonly stores: EnteredStores;
  readonly turns: TurnWatch;
  failed(error: unknown): void;
}

export class NodeWebSockets {
  constructor(_app: App, _host: NodeWebSocketHost) {}
  accept(_r: IncomingMessage, socket: Duplex, _h: Buffer, _a: Acceptance): OpenedSocket | undefined {
    socket.destroy();
    return undefined;
  }
  leave(): number {
    return 0;
  }
  end(): void {}
}
