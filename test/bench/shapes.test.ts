import { expect } from 'chai';
import { fault } from '#bench/shapes/check.js';
import { ORDER_JSON } from '#bench/shapes/order.js';
import { SHAPES, shapeNamed } from '#bench/shapes/shapes.js';

const OK = { status: 200, type: 'application/json; charset=utf-8', body: '{"message":"Hello, World!"}' };

describe('the check of a server before it is measured', () => {
  it('accepts the bytes that all must send', () => {
    expect(fault(shapeNamed('json'), OK)).to.equal(undefined);
    expect(fault(shapeNamed('echo'), { ...OK, body: ORDER_JSON })).to.equal(undefined);
    expect(fault(shapeNamed('health'), { ...OK, body: '{"status":"healthy","x":1}' })).to.equal(undefined);
  });

  it('names what differs', () => {
    expect(fault(shapeNamed('json'), { ...OK, status: 503 })).to.equal('responded with 503 to /json');
    expect(fault(shapeNamed('json'), { ...OK, type: 'text/html' })).to.match(/^sent \/json as "text\/html"/);
    expect(fault(shapeNamed('json'), { ...OK, body: '{"message": "Hello, World!"}' })).to.match(
      /another body/,
    );
    expect(fault(shapeNamed('health'), { ...OK, body: '{"status":"starting"}' })).to.match(/^is not healthy/);
  });
});

describe('the shapes', () => {
  it('have names of their own', () => {
    expect(new Set(SHAPES.map(({ name }) => name)).size).to.equal(SHAPES.length);
    expect(() => shapeNamed('jsonn')).to.throw('no shape "jsonn": there are plaintext, json');
  });

  it('echo about 1 KiB', () => {
    expect(Buffer.byteLength(ORDER_JSON)).to.be.within(980, 1070);
  });
});
