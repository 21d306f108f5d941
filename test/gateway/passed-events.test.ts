// Streams of events that are passed on with comments in between, read as the HTML Standard reads them.
import { expect } from 'chai';
import { OwnAbort } from '#src/abort-source.js';
import { PassedEvents, takesComments } from '#src/gateway/passed-events.js';
import { HttpStream, type StreamController } from '#src/upstream/http-stream.js';
import { newSeed, seeded } from '#test/support/random.js';
import { endpoint } from '#test/upstream/endpoints.js';

const SILENT_MS = 5;
const MARK = '\ufeff';
const controller: StreamController = { pause() {}, resume() {}, abort() {} };

/** A stream of an instance, and its text as it is passed on. */
function passing() {
  const abort = new OwnAbort();
  const stream = new HttpStream(
    endpoint('a'),
    abort,
    () => undefined,
    () => undefined,
    () => undefined,
  );
  stream.onResponseStart(controller, 200, { 'content-type': 'text/event-stream' });
  const events = new PassedEvents(stream, SILENT_MS);
  return {
    abort,
    events,
    send: (bytes: Uint8Array) => stream.onResponseData(controller, Buffer.from(bytes)),
    end: () => stream.onResponseEnd(),
  };
}

/** The data of the events of a text: HTML Standard, section 9.2.6. */
function dataOf(text: string): string[] {
  const all: string[] = [];
  let data = '';
  for (const line of text.replace(/^\ufeff/, '').split(/\r\n|\n|\r/)) {
    if (line === '' && data !== '') all.push(data);
    if (line === '') data = '';
    else if (line.startsWith('data:')) data += `${line.slice(5)}\n`;
  }
  return all;
}

describe('events that are passed on', () => {
  const seed = newSeed();
  it(`are those of the instance, in whatever pieces and with whatever pauses they come: SEED=${seed}`, async () => {
    const chance = seeded(seed);
    for (let i = 0; i < 50; i++) {
      const [end, mark] = [chance() < 0.5 ? '\n' : '\r\n', chance() < 0.5 ? MARK : ''];
      const text = `${mark}data: 1${end}${end}event: x${end}data: 2${end}data: 3${end}${end}: c${end}${end}`;
      const { events, send, end: over } = passing();
      const bytes = Buffer.from(text);
      let sent = 0;
      let read = '';
      const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
      const more = (): void => {
        if (sent === bytes.length) {
          over();
          return;
        }
        const piece = bytes.subarray(sent, sent + 1 + Math.floor(chance() * 12));
        sent += piece.length;
        send(piece);
      };
      if (chance() < 0.5) more();
      for (let next = events.next(); ; next = events.next()) {
        const timer = setTimeout(more, chance() < 0.1 ? 4 * SILENT_MS : 0);
        const { done, value } = await next;
        clearTimeout(timer);
        if (done === true) break;
        read += decoder.decode(value, { stream: true });
      }
      expect(dataOf(read), JSON.stringify(read)).to.deep.equal([' 1\n', ' 2\n 3\n']);
      expect(read.replaceAll(/^:\n\n/gm, '').length).to.equal(text.length - mark.length);
    }
  });

  for (const [where, text, isBetween] of [
    ['before the first one', '', true],
    ['between two', 'data: 1\n\n', true],
    ['between two with carriage returns', 'data: 1\r\n\r\n', true],
    ['within one', 'data: 1\n', false],
    ['within one with carriage returns', 'data: 1\r\n', false],
    ['within a line break', 'data: 1\r\n\r', false],
  ] as const)
    it(`${isBetween ? 'get' : 'get no'} comments while the instance is silent ${where}`, async () => {
      const { events, send, end } = passing();
      if (text !== '') {
        send(Buffer.from(text));
        expect(String((await events.next()).value)).to.equal(text);
      }
      for (let i = 0; isBetween && i < 3; i++) expect(String((await events.next()).value)).to.equal(':\n\n');
      const next = events.next();
      setTimeout(end, isBetween ? 0 : 4 * SILENT_MS);
      expect((await next).done).to.equal(true);
    });

  it('end with the abort of their request, during a silence as well', async () => {
    const { events, abort } = passing();
    expect(String((await events.next()).value)).to.equal(':\n\n');
    const next = events.next().catch((error: unknown) => error);
    abort.abort('gone');
    expect(await next).to.equal('gone');
  });

  it('get no comments where their bytes are encoded', () => {
    expect(takesComments({ 'content-type': 'text/event-stream' })).to.equal(true);
    expect(takesComments({ 'content-type': 'text/event-stream', 'content-encoding': 'gzip' })).to.equal(
      false,
    );
    expect(takesComments({ 'content-type': 'text/plain; text/event-stream' })).to.equal(false);
  });
});
