import { expect } from 'chai';
import { originOf } from '#src/registry/endpoint.js';

describe('the origin of an endpoint', () => {
  for (const [host, metadata, origin] of [
    ['10.0.0.1', {}, 'http://10.0.0.1:8080'],
    ['::1', {}, 'http://[::1]:8080'],
    ['10.0.0.1', { scheme: 'https' }, 'https://10.0.0.1:8080'],
    ['::1', { scheme: 'https' }, 'https://[::1]:8080'],
    ['10.0.0.1', { scheme: 'ftp' }, 'http://10.0.0.1:8080'],
  ] as const) {
    it(`is ${origin} for ${host} with ${JSON.stringify(metadata)}`, () => {
      expect(originOf({ host, port: 8080, metadata })).to.equal(origin);
    });
  }
});
