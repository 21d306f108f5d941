// Sources of streamed responses that record whether they were released.
import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';

/** A source that records whether it was released. */
export interface Source {
  readonly pieces: AsyncIterable<Uint8Array | string>;
  readonly isReleased: () => boolean;
}

export function iterator(): Source {
  let isReleased = false;
  const pieces = {
    [Symbol.asyncIterator]: () => ({
      next: () => new Promise<never>(() => {}),
      async return() {
        isReleased = true;
        return { done: true as const, value: undefined };
      },
    }),
  };
  return { pieces, isReleased: () => isReleased };
}

export function generator(): Source {
  const source = (async function* () {
    for (;;) {
      yield 'x';
      await new Promise((resolve) => setImmediate(resolve));
    }
  })();
  let isReleased = false;
  const end = source.return.bind(source);
  source.return = (value) => {
    isReleased = true;
    return end(value);
  };
  return { pieces: source, isReleased: () => isReleased };
}

export function readable(): Source {
  const stream = new Readable({ read() {} });
  return { pieces: stream, isReleased: () => stream.destroyed };
}

export function file(): Source {
  const stream = createReadStream('/dev/zero');
  return { pieces: stream, isReleased: () => stream.destroyed };
}

export function webStream(): Source {
  let isReleased = false;
  const stream = new ReadableStream<Uint8Array>({
    cancel() {
      isReleased = true;
    },
  });
  return { pieces: stream, isReleased: () => isReleased };
}

/** A stream that emits an error when it is destroyed, like a file that cannot be opened. */
export function failing(): Source {
  const stream = new Readable({
    read() {},
    destroy: (error, done) => done(error ?? new Error('cannot be released')),
  });
  return { pieces: stream, isReleased: () => stream.errored !== null };
}

/** The same for a web stream and an iterator. */
export function failingWebStream(): Source {
  let isReleased = false;
  const stream = new ReadableStream<Uint8Array>({
    cancel() {
      isReleased = true;
      throw new Error('cannot be released');
    },
  });
  return { pieces: stream, isReleased: () => isReleased };
}

export function failingIterator(): Source {
  let isReleased = false;
  const pieces = {
    [Symbol.asyncIterator]: () => ({
      next: () => new Promise<never>(() => {}),
      return(): never {
        isReleased = true;
        throw new Error('cannot be released');
      },
    }),
  };
  return { pieces, isReleased: () => isReleased };
}

export const SOURCES = {
  iterator,
  generator,
  readable,
  file,
  webStream,
  failing,
  failingWebStream,
  failingIterator,
};
