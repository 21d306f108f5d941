// What `inject` answers with: as `call` does, and what a test asks beside that.

const UTF_8 = new TextDecoder();

/** A whole answer. Values are fresh on every reading. */
export class InjectResponse {
  readonly status: number;
  /** Names in lower case; a field that was sent several times is joined by `, `. */
  readonly headers: Readonly<Record<string, string>>;
  /** The lines of `Set-Cookie`. */
  readonly cookies: readonly string[];
  readonly #body: Uint8Array;

  constructor(status: number, headers: Readonly<Record<string, string>>, body: Uint8Array) {
    this.status = status;
    this.headers = headers;
    this.cookies = headers['set-cookie']?.split('\n') ?? [];
    this.#body = body;
  }

  /** @throws SyntaxError for a body that is not JSON, with its beginning */
  json<T = unknown>(): T {
    const text = this.text();
    try {
      return JSON.parse(text) as T;
    } catch (cause) {
      throw new SyntaxError(`status ${this.status}, not JSON: ${JSON.stringify(text.slice(0, 200))}`, {
        cause,
      });
    }
  }

  text(): string {
    return UTF_8.decode(this.#body);
  }

  bytes(): Uint8Array {
    return new Uint8Array(this.#body);
  }
}
