// One connection of a client, which records the outcome of each request as an Attempt.
import { Wire, type WireResponse } from '#test/support/wire.js';
import type { Attempt } from './verdict.js';

export interface Ask {
  readonly method?: 'GET' | 'POST';
  readonly path: string;
  readonly body?: string;
  /** Delay in milliseconds of the second half of the body. */
  readonly pauseMs?: number;
}

const JSON_TYPE = 'Content-Type: application/json';

export class Connection {
  readonly #wire: Wire;
  #answeredAt: number | undefined;
  /** The thread that serves the connection, known from the first response on. */
  thread: number | undefined;
  #isOver = false;

  private constructor(wire: Wire) {
    this.#wire = wire;
  }

  /** The attempt that stands for a failure to open the connection. */
  static async open(url: string): Promise<Connection | Attempt> {
    const sentAt = performance.now();
    try {
      return new Connection(await Wire.open(url));
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? String(error);
      return {
        sentAt,
        endedAt: performance.now(),
        status: 0,
        code,
        notExecuted: false,
        idleMs: 0,
        thread: undefined,
      };
    }
  }

  /** Whether the server has announced that it closes, or has closed. */
  get isOver(): boolean {
    return this.#isOver || this.#wire.ended;
  }

  async ask(ask: Ask): Promise<Attempt> {
    const sentAt = performance.now();
    const idleMs = this.#answeredAt === undefined ? 0 : sentAt - this.#answeredAt;
    let response: WireResponse | undefined;
    let silent = false;
    try {
      response = await this.#send(ask);
    } catch {
      silent = true;
    }
    const endedAt = performance.now();
    this.#answeredAt = endedAt;
    const body =
      response === undefined ? {} : (JSON.parse(response.body.toString()) as Record<string, unknown>);
    if (response?.status === 200) this.thread = body.thread as number;
    this.#isOver = response === undefined || response.closes;
    return {
      sentAt,
      endedAt,
      status: response?.status ?? 0,
      code: response !== undefined ? (body.code as string | undefined) : silent ? 'silence' : this.#howEnded,
      notExecuted: response?.headers['x-multilane-executed'] === 'false',
      idleMs,
      thread: this.thread,
    };
  }

  destroy(): void {
    this.#wire.destroy();
  }

  get #howEnded(): string {
    return this.#wire.rest === '' ? 'closed' : 'cut';
  }

  async #send({ method = 'GET', path, body = '', pauseMs }: Ask): Promise<WireResponse | undefined> {
    if (pauseMs === undefined) return this.#wire.request(method, path, [JSON_TYPE], body);
    const half = Math.floor(body.length / 2);
    const head = [`${method} ${path} HTTP/1.1`, 'Host: test', JSON_TYPE, `Content-Length: ${body.length}`];
    this.#wire.write(`${head.join('\r\n')}\r\n\r\n${body.slice(0, half)}`);
    const response = this.#wire.response();
    await Promise.race([response, new Promise((resolve) => setTimeout(resolve, pauseMs))]);
    this.#wire.write(body.slice(half));
    return response;
  }
}
