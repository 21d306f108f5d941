import { Metadata } from '@grpc/grpc-js';
import { expect } from 'chai';
import type { Deadline } from '#src/deadline.js';
import { addRequestFields, callerMetadata } from '#src/upstream/grpc-metadata.js';

describe('the metadata of a call by gRPC', () => {
  for (const [ms, timeout] of [
    [0.5, '1m'],
    [99_999_000, '99999000m'],
    [200_000_000, '200000S'],
    // Longer times than 2^31 - 1 ms are no time at all for servers on Node.js.
    [1e12, '2147483S'],
  ] as const) {
    it(`has the timeout ${timeout} for ${ms} ms`, () => {
      const metadata = new Metadata();
      const deadline = { remainingMs: () => ms } as Deadline;
      addRequestFields(metadata, { headers: {}, deadline } as never);
      expect(metadata.get('grpc-timeout')).to.deep.equal([timeout]);
    });
  }

  it('has no white space around texts for the caller', () => {
    expect({ ...callerMetadata({ a: ' x y ' }) }).to.deep.equal({ a: 'x y' });
  });
});
