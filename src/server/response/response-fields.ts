// The header fields of an answer as hooks and handlers set them. Made by the first that sets one.
import { checkField, setField } from './header-fields.js';

export class ResponseFields {
  /** Flat lists: name, value, name, value… */
  #own: string[] = [];
  /** Those that stay when the answer becomes a problem. */
  readonly #always: string[] = [];

  /** @throws TypeError for a name or value that must not be sent; a framing field is not obeyed */
  set(name: string, value: string, always: boolean): void {
    const field = checkField(name, value);
    if (field !== undefined) setField(always ? this.#always : this.#own, field, value);
  }

  get(name: string): string | undefined {
    return fieldOf(this.#own, name) ?? fieldOf(this.#always, name);
  }

  /** Adds a name to `Vary`. */
  vary(name: string): void {
    const before = fieldOf(this.#own, 'vary');
    if (before === undefined) this.set('vary', name, false);
    else if (!lists(before, name)) this.set('vary', `${before}, ${name}`, false);
  }

  /** Without an earlier one that sets the same cookie: a browser might keep either. */
  setCookie(name: string, value: string): void {
    const isEarlier = (at: number): boolean =>
      this.#own[at] === 'set-cookie' && this.#own[at + 1]!.startsWith(`${name}=`);
    this.#own = this.#own.filter((_, i) => !isEarlier(i - (i % 2)));
    this.set('set-cookie', value, false);
  }

  /** For a problem, which takes nothing else over from the answer that was being prepared. */
  replaceBy(fields: readonly string[]): void {
    this.#own = [...fields];
  }

  /** @param contentType unless one was set */
  list(requestId: string, contentType: string | undefined): string[] {
    const fields = ['x-request-id', requestId];
    if (contentType !== undefined && this.get('content-type') === undefined) {
      fields.push('content-type', contentType);
    }
    for (let i = 0; i < this.#always.length; i += 2) {
      const name = this.#always[i]!;
      if (name === 'vary' || fieldOf(this.#own, name) === undefined) fields.push(name, this.#always[i + 1]!);
    }
    fields.push(...this.#own);
    return fields;
  }
}

function fieldOf(fields: readonly string[], name: string): string | undefined {
  for (let i = 0; i < fields.length; i += 2) if (fields[i] === name) return fields[i + 1];
  return undefined;
}

const lists = (value: string, name: string): boolean =>
  value.split(',').some((part) => part.trim().toLowerCase() === name);
