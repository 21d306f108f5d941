// Requests with JSON bodies to one server, and responses that are read line by line as they come.
import http, { type ClientRequest, type Agent as HttpAgent, type IncomingMessage } from 'node:http';
import https from 'node:https';

const TIMEOUT_MS = 5_000;
/** Characters of a line of a stream. */
const MOST_LINE = 1 << 24;
/** Bytes of a response that is no stream. */
const MOST_BYTES = 1 << 27;

export interface LineRequest {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: object | undefined;
}

export interface TextResponse {
  readonly status: number;
  readonly text: string;
}

export class LineClient {
  readonly #origin: string;
  readonly #agent: HttpAgent;
  readonly #running = new Set<ClientRequest>();

  /** @param origin such as `https://host:port` */
  constructor(origin: string) {
    this.#origin = origin;
    const { Agent } = origin.startsWith('https:') ? https : http;
    this.#agent = new Agent({ keepAlive: true, maxSockets: 8 });
  }

  /** @throws Error when there is no whole response in time */
  async text(request: LineRequest): Promise<TextResponse> {
    const limit = new Limit();
    try {
      const response = await this.#respond(request, limit.signal);
      return { status: response.statusCode!, text: await textOf(response) };
    } finally {
      limit.end();
    }
  }

  /**
   * Reads a stream. Resolves when it has ended.
   * @param heard gets each line
   * @throws Error for another status than 200, and when the connection is lost
   */
  async lines(request: LineRequest, heard: (line: string) => void): Promise<void> {
    const limit = new Limit();
    const response = await this.#respond(request, limit.signal).finally(() => limit.end());
    const { statusCode: status } = response;
    if (status !== 200) throw new Error(`${request.path} responded with status ${status}`);
    response.setEncoding('utf8');
    let begun: string[] = [];
    let length = 0;
    for await (const chunk of response) {
      const [first = '', ...others] = String(chunk).split('\n');
      begun.push(first);
      length += first.length;
      if (length > MOST_LINE) throw new Error(`${request.path} has sent a line that is too long`);
      if (others.length === 0) continue;
      const rest = others.pop()!;
      heard(begun.join(''));
      for (const line of others) heard(line);
      [begun, length] = [[rest], rest.length];
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

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    chunks.push(chunk as Buffer);
    bytes += (chunk as Buffer).length;
    if (bytes > MOST_BYTES) throw new Error('the response is too long');
  }
  return Buffer.concat(chunks).toString();
}
