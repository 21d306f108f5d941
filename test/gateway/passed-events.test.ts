import { expect } from 'chai';
import { isEventStream } from '#src/gateway/passed-events.js';

describe('a response behind the gateway', () => {
  for (const type of ['text/event-stream', 'Text/Event-Stream; charset=utf-8', 'text/event-stream ;x=y'])
    it(`is a stream of events, to which comments can be added: ${type}`, () => {
      expect(isEventStream({ 'content-type': type })).to.equal(true);
    });

  it('is none when its type only begins so, or its bytes are encoded', () => {
    expect(isEventStream({ 'content-type': 'text/event-streams' })).to.equal(false);
    expect(isEventStream({ 'content-type': 'text/plain; text/event-stream' })).to.equal(false);
    expect(isEventStream({ 'content-type': 'text/event-stream', 'content-encoding': 'gzip' })).to.equal(
      false,
    );
    expect(isEventStream({})).to.equal(false);
  });
});
