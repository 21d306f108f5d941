// The format of server-sent events, read from the pieces in which a stream arrives.

export interface SentEvent {
  readonly event: string;
  readonly data: string;
}

/** An event that is not complete after this many characters is not one of the admin plane. */
const MAX_CHARACTERS = 16 * 1024 * 1024;

export class EventReader {
  #rest = '';
  /** Where the search for the end of the event goes on, so that a long event is searched only once. */
  #searched = 0;

  /** @returns the events that the piece completes. @throws RangeError for an event that does not end */
  push(piece: string): readonly SentEvent[] {
    this.#rest += piece;
    const events: SentEvent[] = [];
    for (;;) {
      const end = this.#rest.indexOf('\n\n', this.#searched);
      if (end < 0) break;
      const event = eventOf(this.#rest.slice(0, end));
      if (event !== undefined) events.push(event);
      this.#rest = this.#rest.slice(end + 2);
      this.#searched = 0;
    }
    if (this.#rest.length > MAX_CHARACTERS) throw new RangeError('An event of the stream does not end.');
    this.#searched = Math.max(0, this.#rest.length - 1);
    return events;
  }
}

/** @returns undefined for a comment */
function eventOf(text: string): SentEvent | undefined {
  let event = 'message';
  const data: string[] = [];
  for (const line of text.split('\n')) {
    const [, name, value = ''] = /^([^:]*):? ?(.*)$/.exec(line.replace(/\r$/, '')) ?? [];
    if (name === 'event') event = value;
    else if (name === 'data') data.push(value);
  }
  return data.length === 0 ? undefined : { event, data: data.join('\n') };
}
