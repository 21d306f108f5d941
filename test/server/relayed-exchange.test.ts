import { expect } from 'chai';
import type { HttpError } from '#src/errors.js';
import type { Exchange } from '#src/server/exchange.js';
import { RelayedExchange } from '#src/server/relayed-exchange.js';
import { RequestHead } from '#src/server/request-head.js';
import { ServerRefusal } from '#src/server/server-refusal.js';

describe('the body of a relayed request', () => {
  /** The connection: it has pieces of two bytes, and may refuse the body itself. */
  class Connection {
    arrive: (piece: Uint8Array, isLast: boolean) => void = () => undefined;
    refuse: (error: HttpError) => void = () => undefined;
    readBody(onPiece: (piece: Uint8Array, isLast: boolean) => void): boolean {
      this.arrive = onPiece;
      return true;
    }
    onBodyRefused(listener: (error: HttpError) => void): void {
      this.refuse = listener;
    }
  }
  const events = { fields: [], responded() {}, began() {}, taken() {}, ended() {} };

  function relayed(bodyLimit: number): { connection: Connection; codes: string[]; bytes: () => number } {
    const connection = new Connection();
    const head = new RequestHead('POST', '/', '', false);
    const exchange = new RelayedExchange(connection as unknown as Exchange, head, events, bodyLimit);
    const codes: string[] = [];
    let bytes = 0;
    exchange.onBodyRefused(({ code }) => void codes.push(code));
    exchange.readBody((piece) => {
      bytes += piece.length;
    });
    return { connection, codes, bytes: () => bytes };
  }

  it('is refused once, however much of it comes beyond the limit of the gateway', () => {
    const { connection, codes, bytes } = relayed(5);
    for (let i = 0; i < 10; i++) connection.arrive(new Uint8Array(2), i === 9);
    connection.refuse(new ServerRefusal('MALFORMED_REQUEST', 'pieces'));
    expect(codes).to.deep.equal(['BODY_TOO_LARGE']);
    expect(bytes()).to.equal(4);
  });

  it('is refused by its connection, too', () => {
    const { connection, codes } = relayed(100);
    connection.arrive(new Uint8Array(2), false);
    connection.refuse(new ServerRefusal('MALFORMED_REQUEST', 'pieces'));
    expect(codes).to.deep.equal(['MALFORMED_REQUEST']);
  });
});
