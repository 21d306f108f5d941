import type { Socket } from 'node:net';
import { expect } from 'chai';
import fc from 'fast-check';
import { UnreadResponses } from '#src/admin/unread-responses.js';

const MIB = 1024 * 1024;

describe('unread responses of the admin plane', () => {
  it('are at most 64 MiB, each body counted once; the readers of the oldest are closed for a new one', () => {
    const step = fc.record({ body: fc.nat(5), socket: fc.nat(9), reads: fc.boolean() });
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 64 }), { minLength: 6, maxLength: 6 }),
        fc.array(step, { maxLength: 60 }),
        (sizes, steps) => {
          const bodies = sizes.map((mib) => ({ length: mib * MIB }) as Buffer);
          const sockets = Array.from({ length: 10 }, (_, id) => ({ id }) as unknown as Socket);
          const unread = new UnreadResponses();
          // A socket has one response at a time, as in HTTP/1.1.
          const held = new Map<Socket, Buffer>();
          let order: Buffer[] = [];
          const leave = (left: Socket): void => {
            held.delete(left);
            order = order.filter((body) => [...held.values()].includes(body));
          };
          for (const { body, socket, reads } of steps) {
            const [one, other] = [bodies[body]!, sockets[socket]!];
            const before = held.get(other);
            if (before !== undefined) unread.delete(other, before);
            leave(other);
            if (reads) continue;
            held.set(other, one);
            if (!order.includes(one)) order.push(one);
            const expected = new Set<Socket>();
            while (order.reduce((sum, { length }) => sum + length, 0) > 64 * MIB) {
              const oldest = order[0];
              for (const [each, its] of held) if (its === oldest) expected.add(each);
              for (const each of expected) leave(each);
            }
            expect(new Set(unread.add(other, one))).to.deep.equal(expected);
          }
        },
      ),
    );
  });

  it('have no room for a body above the limit', () => {
    expect(new UnreadResponses().fits({ length: 64 * MIB } as Buffer)).to.equal(true);
    expect(new UnreadResponses().fits({ length: 64 * MIB + 1 } as Buffer)).to.equal(false);
  });
});
