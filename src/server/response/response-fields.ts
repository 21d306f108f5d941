// The header fields of a response, as hooks and handlers set them. A response has this
// object only once a field is set.
import { checkField, setField } from './header-fields.js';

export class ResponseFields {
  /** A flat list: name, value, name, value… */
  #own: string[] = [];
  /** The fields that stay when the response becomes a problem document. */
  readonly #always: string[] = [];

  /**
   * Fields that frame the message are ignored.
   * @throws TypeError for a name or value that must not be sent
   */
  set(name: string, value: string, always: boolean): void {
    const field = checkField(name, value);
    // Lone surrogates stand for bytes that are passed on (field-octets.ts).
    if (field !== undefined) setField(always ? this.#always : this.#own, field, value.toWellFormed());
  }

  /** Sets a field of this package: its name is in lower case, and name and value are known to be valid. */
  setKnown(name: string, value: string): void {
    setField(this.#own, name, value);
  }

  /**
   * Replaces all fields but those that always stay by the fields of a response that is passed on: a flat list
   * of valid fields, in which names may occur several times.
   */
  passOn(fields: string[]): void {
    this.#own = fields;
  }

  /**
   * Adds the fields of another response: a flat list of valid fields, in which names may occur several times.
   * They replace fields of their names.
   */
  add(fields: string[]): void {
    if (this.#own.length === 0) this.#own = fields;
    else {
      const isReplaced = (at: number): boolean => {
        const name = this.#own[at]!;
        return name !== 'set-cookie' && name !== 'vary' && fieldOf(fields, name) !== undefined;
      };
      this.#own = [...this.#own.filter((_, i) => !isReplaced(i - (i % 2))), ...fields];
    }
  }

  /** The fields that stay whatever the response becomes: a flat list. */
  get always(): readonly string[] {
    return this.#always;
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

  /** Replaces an earlier field that sets the same cookie, because a browser might keep either. */
  setCookie(name: string, value: string): void {
    const isEarlier = (at: number): boolean =>
      this.#own[at] === 'set-cookie' && this.#own[at + 1]!.startsWith(`${name}=`);
    this.#own = this.#own.filter((_, i) => !isEarlier(i - (i % 2)));
    this.set('set-cookie', value, false);
  }

  /** Replaces all fields but those that always stay by these, which are those of a problem document. */
  replaceBy(fields: readonly string[]): void {
    this.#own = [...fields];
  }

  /** @param contentType used unless a handler has set one */
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
