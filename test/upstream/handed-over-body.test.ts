// A body that a service of this process has sent as a text reads like its bytes from a socket.
import { expect } from 'chai';
import { BufferedResponse } from '#src/upstream/buffered-response.js';

const texts = ['', '{"a":1}', 'žluť 漢 😀', '\ufeffmarked', '\ufeff\ufeffmarked twice', 'lone \ud800 half'];

describe('a body that is handed over as a text', () => {
  for (const text of texts) {
    it(`reads like its bytes: ${JSON.stringify(text)}`, () => {
      const overSocket = new BufferedResponse(200, {}, Buffer.from(text));
      const handedOver = new BufferedResponse(200, {}, text);
      expect(handedOver.text()).to.equal(overSocket.text());
      expect([...handedOver.bytes()]).to.deep.equal([...overSocket.bytes()]);
    });
  }

  it('gives every reader bytes of its own', () => {
    const response = new BufferedResponse(200, {}, 'abc');
    response.bytes().fill(0);
    expect(response.text()).to.equal('abc');
    expect(response.bytes()).not.to.equal(response.bytes());
  });
});
