// Data that one thread writes and all read: a text (text-page.ts), lines of text (snapshot-log.ts), 64-bit
// counts (wide.ts), the last requests of a thread (flight-recorder.ts).
import type { Check } from '../check.js';
import { law, model, type Thread } from '../model.js';

interface Reader extends Record<string, number> {
  /** The version that a thread has read, and the first character; a text with another character is torn. */
  version: number;
  text: number;
}

const NONE = -1;
const TORN = -2;

export const text: Check = {
  title: 'text page: a reader gets a complete text and its version, also when the writer stops in the middle',
  build: (modules) => (world) => {
    const block = world.block(modules, 1);
    const { TextPage } = modules['text-page'];
    const page = new TextPage(block);
    const textOf = (number: number): string => String(number).repeat(5 + number);
    page.publish(textOf(1));
    const publish = (number: number) => () => page.publish(textOf(number));
    const writer: Thread<Reader> = {
      name: 'writer',
      self: { version: NONE, text: NONE },
      mayDie: true,
      calls: { 'publish 2': publish(2), 'publish 3': publish(3), 'publish 4': publish(4) },
    };
    const reader: Thread<Reader> = {
      name: 'reader',
      self: { version: NONE, text: NONE },
      calls: {
        read(self) {
          const { version, text } = page.read();
          const number = Number(text[0]);
          [self.version, self.text] = [version, text === textOf(number) ? number : TORN];
        },
      },
    };
    return model<Reader>({
      threads: [writer, reader],
      always: ({ selves }) => {
        const { version, text } = selves[1]!;
        law(text !== TORN, 'the text is torn');
        law(text === NONE || version === 2 * text, `version ${version} is that of another text than ${text}`);
      },
    });
  },
};

interface LogReader extends Record<string, number> {
  /** The last number that a thread has read. */
  state: number;
  isWrong: number;
}

/** The publications of the check: some are appended, others come with a new snapshot. */
const PUBLICATIONS = 5;

export const log: Check = {
  title:
    'snapshot log: a reader gets each change once and in order, or a snapshot, also when the writer stops in the middle',
  build: (modules) => (world) => {
    const block = world.block(modules, 1);
    const { SnapshotLog } = modules['snapshot-log'];
    const writer: Thread<LogReader> = {
      name: 'writer',
      self: { state: 0, isWrong: 0 },
      mayDie: true,
      calls: {
        publish(self) {
          const own = new SnapshotLog(block);
          for (let number = 1; number <= PUBLICATIONS; number += 1)
            own.publish(`${number}\n`, () => `S${number}\n`);
          self.state = PUBLICATIONS;
        },
      },
    };
    const read = (self: LogReader, times: number): void => {
      const own = new SnapshotLog(block);
      let cursor: Parameters<typeof own.read>[0];
      for (let time = 0; time < times; time += 1) {
        const { text, isWhole, cursor: next } = own.read(cursor);
        let state = isWhole ? -1 : self.state;
        for (const line of text.split('\n').slice(0, -1)) {
          const number = Number(line.replace('S', ''));
          const follows = line.startsWith('S')
            ? state === -1
            : number === state + 1 || (isWhole && number === state);
          if (!follows) self.isWrong = 1;
          state = number;
        }
        if (state !== -1) self.state = state;
        cursor = next;
      }
    };
    const reader: Thread<LogReader> = {
      name: 'reader',
      self: { state: 0, isWrong: 0 },
      calls: { read: (self) => read(self, 2) },
    };
    return model<LogReader>({
      threads: [writer, reader],
      always: ({ selves }) => law(selves[1]!.isWrong === 0, 'a line is torn, missing or out of order'),
      finally: ({ selves }) => {
        const last = { state: 0, isWrong: 0 };
        read(last, 1);
        law(last.isWrong === 0, 'the last lines are wrong');
        law(last.state >= selves[0]!.state, `the last line is ${last.state}`);
      },
    });
  },
};

const TWO_32 = 2 ** 32;

interface Count extends Record<string, number> {
  read: number;
}

export const wide: Check = {
  title:
    'wide counts: a reader sees the old or the new count, and the next writer continues from it, wherever one has died',
  build: (modules) => (world) => {
    const block = world.block(modules, 1);
    const { addWide, readWide } = modules.wide;
    const words = block.words('workerRequests', 1);
    const steps = [TWO_32 - 1, 2, TWO_32 + 5];
    addWide(words, 0, steps[0]!);
    const values = steps.map((_, index) => steps.slice(0, index + 1).reduce((sum, step) => sum + step, 0));
    const add = (index: number) => () => addWide(words, 0, steps[index]!);
    const read = (self: Count): void => {
      self.read = readWide(words, 0);
    };
    return model<Count>({
      threads: [
        { name: 'writer', self: { read: 0 }, mayDie: true, calls: { add: add(1), 'add more': add(2) } },
        {
          name: 'reader',
          self: { read: values[0]! },
          mayDie: false,
          calls: { read, 'read again': read },
        },
      ],
      recovery: () => ({ 'add as its successor': () => addWide(words, 0, SUCCESSOR) }),
      always: ({ selves }) => {
        const { read: value } = selves[1]!;
        law(
          values.some((added) => value === added || value === added + SUCCESSOR),
          `it reads ${value}`,
        );
      },
      finally: ({ dead }) => {
        const value = readWide(words, 0) - (dead === undefined ? 0 : SUCCESSOR);
        law(values.includes(value), `it counts ${value} in the end`);
      },
    });
  },
};

const SUCCESSOR = 10;

interface Flight extends Record<string, number> {
  whole: number;
}

export const flights: Check = {
  title: 'flight recorder: a reader sees complete requests only, also when their thread dies',
  build: (modules) => (world) => {
    const block = world.block(modules, 1);
    const { FlightRecorder, readFlights } = modules['flight-recorder'];
    const first = 512;
    const record = (self: Flight): void => {
      const recorder = new FlightRecorder(block, 1);
      // Every field of request n is n.
      for (const n of [1, 2, 3]) recorder.end(recorder.begin(first + n, n, String(n)), n, n);
      self.whole = 1;
    };
    return model<Flight>({
      threads: [
        { name: 'recorder', self: { whole: 1 }, mayDie: true, calls: { record } },
        {
          name: 'reader',
          self: { whole: 1 },
          calls: {
            read(self) {
              for (const { route, requestId, ageMs, ended } of readFlights(block, 1, 10)) {
                const n = route - first;
                const isWhole =
                  ageMs === 10 - n &&
                  requestId === String(n) &&
                  (ended === undefined || (ended.status === n && ended.microseconds === n));
                if (!isWhole) self.whole = 0;
              }
            },
          },
        },
      ],
      always: ({ selves }) => law(selves[1]!.whole === 1, 'a request is a mixture of two'),
    });
  },
};
