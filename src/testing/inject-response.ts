// The response that `inject` resolves with: the same members as a response of `call`, and the cookies.

const UTF_8 = new TextDecoder();

/** A whole response. `json`, `text` and `bytes` return a fresh value on every call. */
export class InjectResponse {
  readonly status: number;
  /**
   * Names are lower case. The values of a field that was sent several times are joined by `, `, those of
   * `set-cookie` by a line end.
   */
  readonly headers: Readonly<Record<string, string>>;
  /** The values of the `Set-Cookie` fields. */
  readonly cookies: readonly string[];
  readonly #body: Uint8Array;

  constructor(status: number, headers: Readonly<Record<string, string>>, body: Uint8Array) {
    this.status = status;
    this.headers = headers;
    this.cookies = headers['set-cookie']?.split('\n') ?? [];
    this.#body = body;
  }

  /** @throws SyntaxError for a body that is not JSON; the message shows how it begins */
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
