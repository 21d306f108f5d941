import { expect } from 'chai';
import { isEventStream } from '#src/upstream/event-responses.js';

describe('a response', () => {
  for (const type of ['text/event-stream', 'Text/Event-Stream; charset=utf-8', 'text/event-stream ;x=y'])
    it(`is a stream of events: ${type}`, () => {
      expect(isEventStream({ 'content-type': type })).to.equal(true);
    });

  it('is none when its type only begins so', () => {
    expect(isEventStream({ 'content-type': 'text/event-streams' })).to.equal(false);
    expect(isEventStream({ 'content-type': 'text/plain; text/event-stream' })).to.equal(false);
    expect(isEventStream({})).to.equal(false);
  });
});
