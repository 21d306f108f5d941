// The HTTP server of one worker on `node:http` (the core that runs wherever Node.js does).
import type { App } from '../app.js';
import type { HttpServer, HttpServerOptions } from '../http-core.js';

export class NodeServer implements HttpServer {
  constructor(_app: App, _options: HttpServerOptions) {
    throw new Error('not written yet');
  }
  listen(_port: number, _host: string): Promise<number> {
    throw new Error('not written yet');
  }
  stopListening(): void {}
  get connections(): number {
    return 0;
  }
  get unfinished(): number {
    return 0;
  }
  get inCallback(): boolean {
    return false;
  }
  prepareInterrupt(): void {}
  leaveWebSockets(): number {
    return 0;
  }
  close(): void {}
}
