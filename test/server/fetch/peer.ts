// The client of an exchange (stage.ts): it sends a request and reads its response piece by piece.
import { once } from 'node:events';
import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';

export class Asked {
  readonly #request: ClientRequest;
  readonly #response: Promise<IncomingMessage>;
  #pieces: AsyncIterator<Buffer> | undefined;
  #read = '';
  #hasHeader = false;

  constructor(url: string, method: string, headers: Readonly<Record<string, string>>) {
    this.#request = httpRequest(url, { method, headers, agent: false });
    this.#response = once(this.#request, 'response').then(([response]) => response as IncomingMessage);
    this.#response.then(
      () => {
        this.#hasHeader = true;
      },
      () => {},
    );
    this.#request.on('error', () => {});
    if (Object.keys(headers).length === 0) this.#request.end();
    else this.#request.flushHeaders();
  }

  get hasHeader(): boolean {
    return this.#hasHeader;
  }

  send(text: string): void {
    this.#request.write(text);
  }
  end(): void {
    this.#request.end();
  }
  leave(): void {
    this.#request.destroy();
  }

  async status(): Promise<number> {
    return (await this.#response).statusCode!;
  }

  /** Reads the next characters of the response. */
  async read(length: number): Promise<string> {
    while (this.#read.length < length && (await this.#next()));
    const text = this.#read.slice(0, length);
    this.#read = this.#read.slice(length);
    return text;
  }

  /** Reads to the end. @throws Error when the response ends too early */
  async rest(): Promise<string> {
    while (await this.#next());
    return this.#read;
  }

  async #next(): Promise<boolean> {
    this.#pieces ??= (await this.#response)[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    const { done, value } = await this.#pieces.next();
    if (done === true) return false;
    this.#read += value.toString('latin1');
    return true;
  }
}

export class Peer {
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  ask(method: string, headers: Readonly<Record<string, string>> = {}): Asked {
    return new Asked(this.#url, method, headers);
  }

  async #told(what: string): Promise<unknown> {
    return JSON.parse(await new Asked(`${this.#url}/${what}`, 'GET', {}).rest()) as unknown;
  }
  /** What the application has seen, once it has. */
  seen(): Promise<unknown> {
    return this.#told('seen');
  }
  /** Resolves when the application has given the cue. */
  cue(): Promise<unknown> {
    return this.#told('cue');
  }
  giveCue(): Promise<unknown> {
    return this.#told('give-cue');
  }
  isCueGiven(): Promise<unknown> {
    return this.#told('is-cue-given');
  }
}
