// Requests with JSON bodies to one server, and responses that are read line by line as they come.
import http, { type ClientRequest, type Agent as HttpAgent, type IncomingMessage } from 'node:http';
import https from 'node:https';

const TIMEOUT_MS = 5_000;

export interface LineLimits {
  /** Bytes of a response that is no stream. @default 128 MiB */
  readonly mostBytes?: number;
  /** Characters of a line of a stream. @default 16,777,216 */
  readonly mostLine?: number;
}

export interface StreamOptions {
  /** The stream has begun. */
  readonly begun?: () => void;
  /** A stream that sends nothing for this many milliseconds is lost. @default no limit */
  readonly silenceMs?: number;
}

/** A stream has not begun, because the response has another status than 200. */
export class StatusError extends Error {
  override readonly name = 'StatusError';

  constructor(
    path: string,
    readonly status: number,
    readonly retryAfterSeconds: number | undefined,
  ) {
    super(`${path} responded with status ${status}`);
  }
}

export interface LineRequest {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: object | undefined;
}

export interface TextResponse {
  readonly status: number;
  readonly text: string;
  readonly retryAfterSeconds: number | undefined;
}

export class LineClient {
  readonly #origin: string;
  readonly #agent: HttpAgent;
  readonly #limits: Required<LineLimits>;
  readonly #running = new Set<ClientRequest>();

  /** @param origin such as `https://host:port` */
  constructor(origin: string, { mostBytes = 1 << 27, mostLine = 1 << 24 }: LineLimits = {}) {
    this.#origin = origin;
    this.#limits = { mostBytes, mostLine };
    const { Agent } = origin.startsWith('https:') ? https : http;
    this.#agent = new Agent({ keepAlive: true, maxSockets: 8 });
  }

  /** @throws Error when there is no whole response in time */
  async text(request: LineRequest): Promise<TextResponse> {
    const limit = new Limit();
    try {
      const response = await this.#respond(request, limit.signal);
      const text = await textOf(response, this.#limits.mostBytes);
      return { status: response.statusCode!, text, retryAfterSeconds: retryAfterOf(response) };
    } finally {
      limit.end();
    }
  }

  /**
   * Reads a stream. Resolves when it has ended.
   * @param heard gets each line
   * @throws StatusError for another status than 200; Error when the connection is lost; what `heard` throws
   */
  async lines(
    request: LineRequest,
    heard: (line: string) => void,
    { begun = () => undefined, silenceMs = 0 }: StreamOptions = {},
  ): Promise<void> {
    const limit = new Limit();
    const response = await this.#respond(request, limit.signal).finally(() => limit.end());
    const { statusCode: status } = response;
    if (status !== 200) {
      response.destroy();
      throw new StatusError(request.path, status!, retryAfterOf(response));
    }
    begun();
    response.setEncoding('utf8');
    response.setTimeout(silenceMs, () => response.destroy(new Error(`${request.path} has fallen silent`)));
    let line: string[] = [];
    let length = 0;
    for await (const chunk of response) {
      const [first = '', ...others] = String(chunk).split('\n');
      line.push(first);
      length += first.length;
      if (length > this.#limits.mostLine) throw new Error(`${request.path} has sent a line that is too long`);
      if (others.length === 0) continue;
      const rest = others.pop()!;
      heard(line.join(''));
      for (const whole of others) heard(whole);
      [line, length] = [[rest], rest.length];
    }
  }

  /** Ends all requests. */
  close(): void {
    for (const request of this.#running) request.destroy();
    this.#agent.destroy();
  }

  /** Resolves when a response begins. */
  #respond({ method, path, headers, body }: LineRequest, signal: AbortSignal): Promise<IncomingMessage> {
    const content = body === undefined ? undefined : JSON.stringify(body);
    const framing =
      content === undefined
        ? { 'content-length': 0 }
        : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(content) };
    const { request } = this.#origin.startsWith('https:') ? https : http;
    return new Promise((resolve, reject) => {
      const options = { method, agent: this.#agent, signal, headers: { ...framing, ...headers } };
      const sent = request(`${this.#origin}${path}`, options);
      this.#running.add(sent);
      sent.once('error', (error) => reject((signal.reason as Error | undefined) ?? error));
      sent.once('close', () => this.#running.delete(sent));
      sent.once('response', resolve);
      sent.end(content);
    });
  }
}

/** Aborts a request that takes too long. */
class Limit {
  readonly #controller = new AbortController();
  readonly #timer = setTimeout(
    () => this.#controller.abort(new Error('there was no response in time')),
    TIMEOUT_MS,
  );

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}

/** Seconds of `Retry-After`; undefined for a date, which no process of ours sends. */
function retryAfterOf({ headers }: IncomingMessage): number | undefined {
  const seconds = Number(headers['retry-after'] ?? Number.NaN);
  return Number.isFinite(seconds) ? seconds : undefined;
}

async function textOf(response: IncomingMessage, mostBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    chunks.push(chunk as Buffer);
    bytes += (chunk as Buffer).length;
    if (bytes > mostBytes) throw new Error('the response is too long');
  }
  return Buffer.concat(chunks).toString();
}
