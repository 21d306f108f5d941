import { getEventListeners, getMaxListeners } from 'node:events';
import { expect } from 'chai';
import { Request } from 'undici';
import { type AbortListener, OwnAbort, SignalAbort } from '#src/abort-source.js';

class Heard implements AbortListener {
  older: AbortListener | undefined;
  newer: AbortListener | undefined;
  readonly reasons: unknown[] = [];
  readonly #then: () => void;

  constructor(then: () => void = () => undefined) {
    this.#then = then;
  }
  onAbort(reason: unknown): void {
    this.reasons.push(reason);
    this.#then();
  }
}

const sources = {
  'a source of its own': () => {
    const source = new OwnAbort();
    return { source, abort: (reason: unknown) => source.abort(reason) };
  },
  'the source of a signal': () => {
    const controller = new AbortController();
    return {
      source: new SignalAbort(controller.signal),
      abort: (reason: unknown) => controller.abort(reason),
    };
  },
};

for (const [what, make] of Object.entries(sources)) {
  describe(what, () => {
    it('calls every listener once, with the reason of the first abort', () => {
      const { source, abort } = make();
      const [one, two] = [new Heard(), new Heard()];
      source.listen(one);
      source.listen(two);
      abort('left');
      abort('again');
      expect([one.reasons, two.reasons]).to.deep.equal([['left'], ['left']]);
      expect(source).to.include({ aborted: true, reason: 'left' });
      expect(source.signal).to.include({ aborted: true, reason: 'left' });
    });

    it('calls no listener that was removed, or that came after the abort', () => {
      const { source, abort } = make();
      const [removed, late] = [new Heard(), new Heard()];
      source.listen(removed);
      source.unlisten(removed);
      abort('left');
      source.listen(late);
      source.unlisten(late);
      expect([removed.reasons, late.reasons]).to.deep.equal([[], []]);
    });

    it('allows a listener to remove itself and others while it is called', () => {
      const { source, abort } = make();
      const other = new Heard();
      const one: Heard = new Heard(() => {
        source.unlisten(one);
        source.unlisten(other);
      });
      source.listen(one);
      source.listen(other);
      abort('left');
      expect(one.reasons).to.deep.equal(['left']);
    });

    it('has one signal, which aborts with it', () => {
      const { source, abort } = make();
      const { signal } = source;
      expect(source.signal).to.equal(signal);
      abort('left');
      expect(signal.reason).to.equal('left');
    });

    it('has a signal that libraries may look at and listen to, as often as they like', () => {
      const { source } = make();
      source.listen(new Heard());
      expect(getMaxListeners(source.signal)).to.equal(Infinity);
      for (let times = 0; times < 20; times++) new Request('http://127.0.0.1/', { signal: source.signal });
      expect(getEventListeners(source.signal, 'abort')).to.have.length.greaterThan(11);
    });
  });
}

describe('the source of a signal', () => {
  it('listens to it only while it has listeners itself', () => {
    const { signal } = new AbortController();
    const source = new SignalAbort(signal);
    const [one, two] = [new Heard(), new Heard()];
    source.listen(one);
    source.listen(two);
    expect(getEventListeners(signal, 'abort')).to.have.length(1);
    source.unlisten(one);
    source.unlisten(two);
    expect(getEventListeners(signal, 'abort')).to.deep.equal([]);
  });
});
