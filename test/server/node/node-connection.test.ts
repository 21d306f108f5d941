// When a connection counts as idle, by looks at a clock of the test.
import { Socket } from 'node:net';
import { expect } from 'chai';
import { NodeConnection } from '#src/server/node/node-connection.js';

const IDLE_MS = 10_000;
const LOOK_MS = 1000;
const MOST_BYTES = 50_000;

describe('a connection is idle', () => {
  let connection: NodeConnection;
  let bytesRead: number;

  beforeEach(() => {
    bytesRead = 100;
    const socket = Object.defineProperty(new Socket(), 'bytesRead', { get: () => bytesRead });
    connection = new NodeConnection(
      socket,
      () => undefined,
      (run) => run(),
    );
    connection.hasServed = true;
  });

  /** @param arrives is called before each look @returns the first look after which it is closed */
  function closedAfter(arrives: (look: number) => void): number {
    for (let look = 1; look < 100; look++) {
      arrives(look);
      if (connection.isIdle(look * LOOK_MS, IDLE_MS, MOST_BYTES)) return look;
    }
    return Number.POSITIVE_INFINITY;
  }

  const cases: Readonly<Record<string, { arrives: (look: number) => void; closed: number }>> = {
    'behind a request, when nothing arrives': { arrives: () => undefined, closed: 11 },
    'when empty lines arrive in place of requests': { arrives: () => (bytesRead += 2), closed: 21 },
    'when an empty line arrives now and then': {
      arrives: (look) => (bytesRead += look % 9 === 0 ? 1 : 0),
      closed: 21,
    },
    'when many bytes arrive at once that are no request': {
      arrives: (look) => (bytesRead += look === 3 ? MOST_BYTES + 1 : 0),
      closed: 3,
    },
    'never, while requests arrive': {
      arrives: (look) => {
        bytesRead += 100;
        connection.hasServed = look % 8 === 0;
      },
      closed: Number.POSITIVE_INFINITY,
    },
  };
  for (const [name, { arrives, closed }] of Object.entries(cases))
    it(name, () => expect(closedAfter(arrives)).to.equal(closed));
});
